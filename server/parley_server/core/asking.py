"""Asking: what is asked at the end of a turn, how often, and what the next message is read in the light of."""

from collections.abc import Mapping

from msgspec.structs import replace

from parley_server.core.context import Question, Topic
from parley_server.core.course import Course
from parley_server.core.effects import Steps
from parley_server.core.slots import Choice, GiveUp, SlotDefinition, SlotType
from parley_server.core.understanding import Situation
from parley_server.core.withholding import secrets_of, shown_messages

OPTION = "_option"
"""The slot that the choice among several intents is read as; no slot of an assistant can have this name."""


def situation_of(course: Course, extracted: Mapping[str, str]) -> Situation:
    """What the message is to be read in the light of, with the words that an author's code has found in it."""
    state, context, assistant = course.state, course.context, course.assistant
    definitions = assistant.slots.definitions
    withheld = {} if assistant.model.sensitive else definitions
    heard: Mapping[str, SlotDefinition] = assistant.slots.heard
    missing = state.form.missing(context) if state.form else ()
    requested = missing[0] if missing else ""
    confirming = state.asks_yes_or_no or (bool(requested) and definitions[requested].type is SlotType.BOOLEAN)
    question = context.question
    if question and question.topic is Topic.INTENT:
        intents = assistant.router.intents
        options = tuple(Choice(name=intents[name].words) for name in question.names if name in intents)
        requested = OPTION
        heard = {**heard, OPTION: SlotDefinition(name=OPTION, type=SlotType.CHOICE, choices=options)}
    elif question:
        requested, confirming = "", True
    return Situation(
        now=course.now,
        locale=context.locale or assistant.locale,
        slots=heard,
        filled=context.slots,
        extracted=extracted,
        requested=requested,
        form=state.form.slots if state.form else (),
        flow=course.running_slots,
        confirming=confirming,
        intents=assistant.router.examples,
        recent=shown_messages(context, withheld),
        secrets=tuple(secrets_of(context, withheld)),
    )


def ask_pending(course: Course) -> None:
    """Says the question that the user is to answer, unless it was just said."""
    state, context = course.state, course.context
    requested, attempts = "", 0
    if context.handoff:
        pass
    elif context.question:
        # What was pending before the question is pending after it.
        requested, attempts = context.requested_slot, context.attempts
    elif state.form and (doubtful := state.form.unconfirmed(context)):
        course.say(course.assistant.slots.next_confirmation(doubtful[0], context))
        course.ask(Question(Topic.SLOT, doubtful[:1]))
    elif state.form and (missing := state.form.missing(context)):
        requested = missing[0]
        attempts = context.attempts if course.missed and requested == context.requested_slot else 0
        invalid = any(rejection.slot == requested for rejection in course.change.rejected)
        course.say(course.assistant.slots.next_prompt(requested, attempts=attempts, invalid=invalid))
    elif course.entered != context.frame and not (state.final or state.chats):
        course.say(state.say)
    if (requested, attempts) != (context.requested_slot, context.attempts):
        course.context = replace(course.context, requested_slot=requested, attempts=attempts)


def miss(course: Course) -> Steps[bool]:
    """Counts an attempt in vain for the slot that was asked for; True: it was the last one, the slot is given up."""
    course.missed = True
    attempts = course.context.attempts + 1
    course.context = replace(course.context, attempts=attempts)
    definition = course.assistant.slots.definitions.get(course.context.requested_slot)
    if definition is None or not definition.max_attempts or attempts < definition.max_attempts:
        return False
    course.explanation.note("slot", definition.name, f"it is given up after {attempts} attempts", taken=True)
    course.missed = False  # What is asked from here on is asked for the first time.
    if definition.give_up in (GiveUp.SKIP, GiveUp.DEFAULT):
        _go_on_without(course, definition)
    else:
        yield from course.give_up(definition.give_up, f"no value for {definition.label}")
    return True


def skip(course: Course) -> None:
    """Goes on without the slot that was asked for, if it may be missing."""
    definition = course.assistant.slots.definitions.get(course.context.requested_slot)
    if definition is None:
        return
    if definition.give_up in (GiveUp.SKIP, GiveUp.DEFAULT) or definition.default is not None:
        _go_on_without(course, definition)
    else:
        course.say(course.assistant.texts.needed)


def _go_on_without(course: Course, definition: SlotDefinition) -> None:
    course.say(course.assistant.texts.skipped)
    if definition.default is not None:
        course.context = course.context.set_slot(definition.name, definition.default)
    else:
        course.context = replace(course.context, skipped=(*course.context.skipped, definition.name))
