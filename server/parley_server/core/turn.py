"""One turn, decided: what a message does to a conversation, and what is said to it.

`decide` is pure. What it needs from the world (to have the message understood, to run an author's code) it yields as an
`Effect` and is sent the result, so that the same turn can be taken by a server, a test or a dry run.

The order in which a message is considered:

    1. the branches, by priority
    2. a question of the conversation's own: is that right, which of these, shall we leave this
    3. the sub-conversation on top of the stack
    4. the intents that start or interrupt
    5. the state of the flow, its form included
    6. the commands that every assistant knows, unless its author said something else
    7. the fallback
"""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from msgspec.structs import replace

from parley_server.core.asking import OPTION, ask_pending, miss, situation_of, skip
from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext, Question, Topic
from parley_server.core.course import Course
from parley_server.core.decision import Decision
from parley_server.core.effects import Perform, Steps, Understand
from parley_server.core.explanation import Explanation
from parley_server.core.flow import Digress
from parley_server.core.reactions import Reaction
from parley_server.core.slots import SlotValue
from parley_server.core.timers import overdue
from parley_server.core.understanding import Answer, Command, Understanding
from parley_server.core.withholding import shown_reply
from parley_server.errors import AssistantFailed

MOST_OPTIONS = 5
"""How many intents a user is asked to choose from at the most."""
_SURE = 0.98
"""A score from which on there is nothing to ask."""
_CLOSE = 0.1
"""Scores that differ by less do not tell which intent was meant."""


def decide(
    assistant: Assistant,
    context: ConversationContext,
    *,
    message: str,
    now: datetime,
    given: Mapping[str, SlotValue] | None = None,
    handed_back: bool = False,
    explain: bool = False,
    dry_run: bool = False,
) -> Steps[Decision]:
    """Decides a turn.

    Args:
        assistant: What leads the conversation.
        context: The session before the turn.
        message: What the user said.
        now: The time of the turn, aware, in the user's time zone.
        given: Values that the caller knows; they are valid.
        handed_back: Whether a conversation that was handed off is the assistant's again.
        explain: Whether to write down what is considered.
        dry_run: Whether the turn is only tried out, which an author's code is told.

    Raises:
        AssistantFailed: The definition goes round in circles, or an author's code failed.
        ModelUnavailable: The model gave no answer where the definition has nothing else to say.
    """
    back = handed_back and context.handoff is not None
    if back:
        context = replace(context, handoff=None)
    explanation = Explanation(wanted=explain)
    course = Course(assistant, context, message, now, explanation, given=given or {}, dry_run=dry_run)
    if not context.handoff:
        yield from _take(course, back=back)
    return course.decision()


def _take(course: Course, *, back: bool) -> Steps[None]:
    begun = bool(course.context.stack)
    acknowledged = not begun
    if not begun:
        course.opening = True
        yield from course.start(course.assistant.initial_flow)
        course.opening = False
    elif expired := overdue(course.assistant, course.context, course.now):
        course.explanation.note("timer", str(course.context.frame), "it waited too long", taken=True)
        acknowledged = True
        yield from course.move(expired)
        yield from course.go_on()
    elif back:
        course.explanation.note("handoff", str(course.context.frame), "the conversation is handed back", taken=True)
        yield from course.go_on()
        acknowledged = bool(course.said) or not course.state.final
    yield from _read(course)
    understood = yield from _answer(course)
    if understood and course.context.misses:
        course.context = replace(course.context, misses=0)
    # The first message of a conversation, one that comes too late and one that hands it back were no answer to what
    # stands there now; one that asks for what is going on already is understood.
    if not (understood or acknowledged or _asks_for_what_runs(course)):
        yield from _fall_back(course)
    yield from course.go_on()
    ask_pending(course)


def _read(course: Course) -> Steps[None]:
    situation = situation_of(course, (yield from _extract(course)))
    understood = yield Understand(course.understanding.message, situation)
    course.understanding = cast("Understanding", understood)
    filling = course.assistant.slots.fill(course.context, course.understanding, course.now)
    course.context, course.change = yield from filling
    for rejection in course.change.rejected:
        course.explanation.note("slot", rejection.slot, rejection.reason)
        course.rejected.append(rejection)
    for name in course.change.filled:
        course.explanation.note("slot", name, "the message gives a value", taken=True)
    for name in course.change.cleared:
        course.explanation.note("slot", name, "its value holds no longer", taken=True)


def _say_refusals(course: Course) -> None:
    for rejection in course.change.rejected:
        course.say(rejection.reason)


def _extract(course: Course) -> Steps[Mapping[str, str]]:
    """The words that an author's code finds in the message, by the slot whose value they are."""
    found: dict[str, str] = {}
    for name, extractor in course.assistant.slots.extractors.items():
        words = yield Perform(extractor, (course.understanding.message,), f"slots/{name}")
        if not isinstance(words, str | None):
            raise AssistantFailed("an extractor returned what is no text", state=f"slots/{name}")
        if words:
            found[name] = words
    return found


def _answer(course: Course) -> Steps[bool]:
    """Has the first that has a use for the message answer it; False: nothing has."""
    branch = course.assistant.branches.choose(course.scope, course.explanation)
    if branch:
        yield from course.react(branch.handler)
        return True
    # What a branch answers may not have been meant as a value at all.
    _say_refusals(course)
    question = course.context.question
    course.ask(None)
    if question and (yield from _settle(course, question)):
        return True
    if course.aside and (yield from _process_state(course, "sub_conversation")):
        return True
    if (yield from _route(course)):
        return True
    interrupted, moved = course.context, len(course.moves)
    while course.aside:
        course.end_top()
    if (yield from _process_state(course, "form")):
        return True
    # The flow has no use for the message either, so what interrupted it goes on.
    course.context = interrupted
    del course.moves[moved:]
    return (yield from _obey(course))


def _settle(course: Course, question: Question) -> Steps[bool]:
    """Takes the message as the answer to a question of the conversation's own."""
    answer = course.understanding.answer
    chosen = ""
    if question.topic is Topic.INTENT:
        option = course.understanding.slots.get(OPTION)
        chosen = next((n for n in question.names if option and _words(course, n) == option.value), "")
    elif question.topic is Topic.DIGRESSION and answer is Answer.YES:
        chosen = question.names[0]
    elif question.topic is Topic.SLOT:
        return _settle_slot(course, question.names[0])
    taken = bool(chosen) or answer is Answer.NO
    course.explanation.note("question", question.topic.value, "it is answered" if taken else "it is not", taken=taken)
    if chosen:
        yield from _take_up(course, chosen)
    elif taken and course.state.final:
        course.say(course.assistant.texts.ended)  # Nothing is asked here that would be said instead.
    return taken


def _settle_slot(course: Course, name: str) -> bool:
    answer = course.understanding.answer
    if answer is None or course.change.filled or course.change.cleared:
        return False
    course.explanation.note("question", name, f"the user says {answer}", taken=True)
    unconfirmed = tuple(other for other in course.context.unconfirmed if other != name)
    course.context = replace(course.context, unconfirmed=unconfirmed, confirmed=(*course.context.confirmed, name))
    if answer is Answer.NO:
        course.context = course.context.clear_slot(name)
    return True


def _route(course: Course) -> Steps[bool]:
    """Takes up the message's intent, or asks which of several was meant."""
    note, router = course.explanation.note, course.assistant.router
    intent = course.understanding.intent
    handler = router.route(course.understanding)
    reason = ""
    command = course.understanding.command
    if handler is None:
        reason = "it has no handler" if intent else "none was recognised"
    elif command and command.value != intent:
        reason = "the message is a command"
    elif _is_answer(course):
        reason = "the message answers what was asked"
    elif _asks_for_what_runs(course):
        reason = "its flow is running"
    elif course.state.digress is Digress.FORBID:
        reason = "the state may not be left"
    if handler is None or reason:
        note("intent", intent or "(none)", reason)
        return False
    rivals = _rivals(course)
    if len(rivals) > 1:
        note("intent", ", ".join(rivals), "the message may mean any of them", taken=True)
        course.say(course.assistant.texts.clarify)
        course.say(f"{_listed([_words(course, name) for name in rivals])}?")
        course.ask(Question(Topic.INTENT, rivals))
    elif course.state.digress is Digress.ASK and intent:
        note("intent", intent, "the user is asked whether to leave the state", taken=True)
        course.say(course.assistant.texts.digress)
        course.ask(Question(Topic.DIGRESSION, (intent,)))
    else:
        note("intent", intent or "(none)", "the message has this intent", taken=True)
        restarts = isinstance(handler, Reaction) and bool(handler.start)
        yield from course.react(handler)
        if restarts:
            # What the message gives was read in the light of what has just been forgotten.
            yield from _read(course)
            _say_refusals(course)
    return True


def _take_up(course: Course, intent: str) -> Steps[None]:
    handler = course.assistant.router.intents[intent].handler
    if handler:
        yield from course.react(handler)


def _rivals(course: Course) -> tuple[str, ...]:
    """The intents with a handler that the message may have, where their scores do not tell which."""
    matches = course.understanding.intents
    if not matches or matches[0].score >= _SURE:
        return ()
    intents = course.assistant.router.intents
    close = [match.name for match in matches if matches[0].score - match.score < _CLOSE]
    return tuple(name for name in close if name in intents and intents[name].handler)[:MOST_OPTIONS]


def _process_state(course: Course, kind: str) -> Steps[bool]:
    """Has the state on top of the stack take the message: by a transition, or by its form."""
    transition = course.machine.process(course.scope, course.explanation)
    if transition:
        yield from course.follow(transition)
        return True
    state, form = course.state, course.state.form
    if state.final:
        return False
    changed = {*course.change.filled, *course.change.cleared}
    refused = {rejection.slot for rejection in course.change.rejected}
    if course.aside:
        # A sub-conversation has its own forms; what else a message says is for the flow that it interrupted.
        own = course.machine.slots
        changed, refused = changed & own, refused & own
    if form or changed:
        reason = "the message changes slots" if changed else "the message gives no value that is taken"
        course.explanation.note(kind, str(course.context.frame), reason, taken=bool(changed))
    if course.context.requested_slot in refused and not changed:
        yield from miss(course)
    if course.change.cleared and not course.aside:
        yield from _go_back(course)
    if state.generate and state.chats and course.state is state and not course.understanding.command:
        course.explanation.note(kind, str(course.context.frame), "the model answers the message", taken=True)
        yield from course.generate(state.generate)
        return True
    return bool(changed or refused)


def _go_back(course: Course) -> Steps[None]:
    """Goes back to the first form that lacks what the message took away, unless the state asks for that itself."""
    lost, here = {*course.change.cleared}, course.state
    if here.form and lost & {*here.form.missing(course.context)}:
        return
    for state in course.machine.states.values():
        if state.form and lost & {*state.form.missing(course.context)}:
            yield from course.move(state.name)
            return


def _obey(course: Course) -> Steps[bool]:
    """Does what every assistant does on a command; an intent of the command's name does something else instead."""
    command = course.understanding.command
    if command is None:
        return False
    course.explanation.note("command", command.value, "nothing else answered it", taken=True)
    own = course.assistant.router.intents.get(command.value)
    texts = course.assistant.texts
    if own and own.handler:
        yield from course.react(own.handler)
    elif command is Command.CANCEL:
        yield from course.cancel()
    elif command is Command.RESTART:
        course.say(texts.cancelled)
        yield from course.start(course.assistant.initial_flow, afresh=True)
    elif command is Command.SKIP and (course.state.final or course.state.chats):
        return False  # There is nothing to skip.
    elif command is Command.SKIP:
        skip(course)
    elif command is Command.REPEAT:
        # What is pending is asked again at the end of every turn; where nothing is, the last words stand for it.
        if course.state.final or course.state.chats:
            _repeat(course)
    else:
        course.say({Command.HELP: texts.help, Command.WHO: texts.who, Command.THANKS: texts.thanks}[command])
    return True


def _repeat(course: Course) -> None:
    """Says the last reply again."""
    history = course.context.history
    if history and history[-1].reply:
        course.said.append((history[-1].reply, shown_reply(history[-1])))
    else:
        course.say(course.state.say or course.assistant.texts.help)


def _fall_back(course: Course) -> Steps[None]:
    fallback = course.assistant.fallback
    course.explanation.note("fallback", "fallback", "nothing else answered the message", taken=True)
    misses = course.context.misses + 1
    course.context = replace(course.context, misses=misses)
    if fallback.max_attempts and misses >= fallback.max_attempts:
        yield from course.give_up(fallback.give_up, "nobody understood the user")
    elif not (yield from miss(course)):
        course.say(fallback.say)


def _is_answer(course: Course) -> bool:
    """Whether the message is, for the most part, the value that was asked for, or takes one back."""
    if course.change.cleared:
        return True
    if course.context.requested_slot in course.change.filled and course.understanding.answer:
        return True
    candidate = course.understanding.slots.get(course.context.requested_slot)
    return candidate is not None and 2 * len(candidate.raw) >= len(course.understanding.message.strip())


def _asks_for_what_runs(course: Course) -> bool:
    """Whether the message's intent is to start a flow that is running."""
    handler = course.assistant.router.route(course.understanding)
    flow = handler.start.partition("/")[0] if isinstance(handler, Reaction) else ""
    machine = course.assistant.machines.get(flow)
    return machine is not None and not course.state.final and machine.active(course.context)


def _words(course: Course, intent: str) -> str:
    return course.assistant.router.intents[intent].words


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
