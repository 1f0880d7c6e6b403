"""One turn, decided: what a message does to a conversation, and what is said to it.

`decide` is pure. What it needs from the world (to have the message understood, to run an author's code) it yields as an
`Effect` and is sent the result, so that the same turn can be taken by a server, a test or a dry run.

The order in which a message is considered:

    1. the branches, by priority
    2. the sub-conversation on top of the stack
    3. the intents that start or interrupt
    4. the state of the flow, its form included
    5. the fallback
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, cast

from msgspec.structs import replace

from parley_server.core.assistant import Assistant
from parley_server.core.conditions import Scope
from parley_server.core.context import ConversationContext, ConversationPhase, Frame, StateChange
from parley_server.core.explanation import Explanation, ExplanationStep
from parley_server.core.flow import DialogFlow, DialogState, Transition
from parley_server.core.reactions import Action, Handler, Reaction
from parley_server.core.slots import Rejection, SlotsChange, SlotType, SlotValue
from parley_server.core.texts import Text, render
from parley_server.core.understanding import Situation, Understanding
from parley_server.errors import AssistantFailed

MAX_STEPS = 100
"""How many moves a turn may make before its definition counts as endless."""


@dataclass(frozen=True, slots=True)
class Understand:
    """Have the message read; send back the `Understanding`."""

    message: str
    situation: Situation


@dataclass(frozen=True, slots=True)
class Perform:
    """Run an author's code; send back its `Reaction`, or None."""

    action: Action
    scope: Scope


Effect: TypeAlias = Understand | Perform


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a turn comes to."""

    context: ConversationContext
    """The session after the turn, but for the count and the time of it."""
    reply: str
    slots_changed: SlotsChange
    state_changed: tuple[StateChange, ...]
    intent: str
    explanation: tuple[ExplanationStep, ...]
    """What was considered, if that was asked for."""


def decide(
    assistant: Assistant,
    context: ConversationContext,
    *,
    message: str,
    now: datetime,
    given: Mapping[str, SlotValue] | None = None,
    explain: bool = False,
) -> Generator[Effect, Understanding | Reaction | None, Decision]:
    """Decides a turn.

    Args:
        assistant: What leads the conversation.
        context: The session before the turn.
        message: What the user said.
        now: The time of the turn, aware, in the user's time zone.
        given: Values that the caller knows; they are valid.
        explain: Whether to write down what is considered.

    Raises:
        AssistantFailed: The definition goes round in circles.
    """
    course = _Course(assistant, context.set_slots(given or {}), message, now, Explanation(wanted=explain))
    yield from course.run()
    before, after = context.slots, course.context.slots
    return Decision(
        context=course.context,
        reply=" ".join(filter(None, course.said)),
        slots_changed=SlotsChange(
            filled={name: value for name, value in after.items() if before.get(name) != value},
            cleared=tuple(name for name in before if name not in after),
            rejected=tuple(course.rejected),
        ),
        state_changed=tuple(course.moves),
        intent=course.understanding.intent,
        explanation=tuple(course.explanation.steps),
    )


class _Course:
    """The course of one turn: what has come of it so far. Lives no longer than the turn."""

    def __init__(
        self,
        assistant: Assistant,
        context: ConversationContext,
        message: str,
        now: datetime,
        explanation: Explanation,
    ) -> None:
        self.assistant = assistant
        self.context = context
        self.now = now
        self.explanation = explanation
        self.understanding = Understanding(message=message)
        self.change = SlotsChange()
        self.said: list[str] = []
        self.moves: list[StateChange] = []
        self.rejected: list[Rejection] = []
        self.entered: Frame | None = None
        """Where the conversation arrived last in this turn: what that state says has just been said."""
        self.missed = False
        """Whether the message was no answer to what was asked."""

    def run(self) -> "Effects":
        begun = bool(self.context.stack)
        if not begun:
            yield from self._start(self.assistant.initial_flow)
        yield from self._read()
        yield from self._answer(asked=begun)
        yield from self._go_on()
        self._ask()

    # Reading the message.

    def _read(self) -> "Effects":
        state = self._state
        requested = self._requested(state)
        definitions = self.assistant.slots.definitions
        situation = Situation(
            now=self.now,
            locale=self.context.locale or self.assistant.locale,
            slots=definitions,
            filled=self.context.slots,
            requested=requested,
            confirming=state.asks_yes_or_no or (bool(requested) and definitions[requested].type is SlotType.BOOLEAN),
            intents=self.assistant.router.examples,
        )
        understood = yield Understand(self.understanding.message, situation)
        self.understanding = cast("Understanding", understood)
        self.context, self.change = self.assistant.slots.fill(self.context, self.understanding, self.now)
        for rejection in self.change.rejected:
            self.explanation.note("slot", rejection.slot, rejection.reason)
            self.rejected.append(rejection)
            self._say(rejection.reason)
        for name in self.change.filled:
            self.explanation.note("slot", name, "the message gives a value", taken=True)
        for name in self.change.cleared:
            self.explanation.note("slot", name, "the message takes its value back", taken=True)

    # Deciding what answers it.

    def _answer(self, *, asked: bool) -> "Effects":
        branch = self.assistant.branches.choose(self._scope, self.explanation)
        if branch:
            yield from self._react(branch.handler)
            return
        if len(self.context.stack) > 1:
            taken = yield from self._process_state("sub_conversation")
            if taken:
                return
        taken = yield from self._route()
        if taken:
            return
        interrupted, moved = self.context, len(self.moves)
        while len(self.context.stack) > 1:
            self._end_sub_conversation()
        taken = yield from self._process_state("form")
        if not taken:
            # The flow has no use for the message either, so the sub-conversation goes on.
            self.context = interrupted
            del self.moves[moved:]
            if asked:
                self._fall_back()

    def _route(self) -> Generator[Effect, "Understanding | Reaction | None", bool]:
        handler = self.assistant.router.route(self.understanding)
        intent = self.understanding.intent or "(none)"
        if handler is None:
            self.explanation.note("intent", intent, "it has no handler")
            return False
        if self._is_answer():
            self.explanation.note("intent", intent, "the message answers what was asked")
            return False
        if isinstance(handler, Reaction) and handler.start and self._runs(handler.start.partition("/")[0]):
            self.explanation.note("intent", intent, "its flow is running")
            return False
        self.explanation.note("intent", intent, "the message has this intent", taken=True)
        yield from self._react(handler)
        return True

    def _process_state(self, kind: str) -> Generator[Effect, "Understanding | Reaction | None", bool]:
        machine, state = self._machine, self._state
        transition = machine.process(self._scope, self.explanation)
        if transition:
            yield from self._follow(transition)
            return True
        changed = {*self.change.filled, *self.change.cleared}
        refused = {rejection.slot for rejection in self.change.rejected}
        if len(self.context.stack) > 1:
            # A sub-conversation has its own form; what else a message says is for the flow that it interrupted.
            own = set(state.form.slots) if state.form else set()
            changed, refused = changed & own, refused & own
        if state.form or changed:
            reason = "the message changes slots" if changed else "the message gives no value that is taken"
            self.explanation.note(kind, str(self.context.frame), reason, taken=bool(changed))
        self.missed = self.context.requested_slot in refused and not changed
        return bool(changed or refused)

    def _fall_back(self) -> None:
        self.explanation.note("fallback", "fallback", "nothing else answered the message", taken=True)
        self.missed = True
        self._say(self.assistant.fallback)

    # Carrying it out.

    def _react(self, handler: Handler) -> "Effects":
        if isinstance(handler, Reaction):
            yield from self._carry_out(handler)
            return
        reaction = yield Perform(handler, self._scope)
        if reaction is not None:
            yield from self._carry_out(cast("Reaction", reaction))

    def _carry_out(self, reaction: Reaction) -> "Effects":
        self.context = self.context.clear_slot(*reaction.clear).set_slots(reaction.fill)
        if reaction.metadata:
            self.context = self.context.merge_metadata(reaction.metadata)
        self._say(reaction.say)
        if reaction.start:
            yield from self._start(reaction.start)
            yield from self._read()
        elif reaction.to:
            yield from self._move(reaction.to)
        elif reaction.call:
            before = str(self.context.frame)
            self.context = self.assistant.sub_conversations[reaction.call].start(self.context)
            yield from self._arrive(before)

    def _follow(self, transition: Transition) -> "Effects":
        self.context = self.context.clear_slot(*transition.clear)
        self._say(transition.say)
        yield from self._move(transition.to)

    def _start(self, place: str) -> "Effects":
        name, _, state = place.partition("/")
        flow = self.assistant.flows[name]
        before = str(self.context.frame or "")
        if before:
            self.context = replace(self.context.clear_slot(*flow.slots), stack=())
        self.context = flow.start(self.context, at=state)
        yield from self._arrive(before)
        yield from self._go_on()

    def _move(self, to: str) -> "Effects":
        before = str(self.context.frame)
        self.context = self._machine.transition(self.context, to)
        yield from self._arrive(before)

    def _arrive(self, before: str) -> "Effects":
        """Enters the state on top of the stack."""
        state = self._state
        phase = state.phase or self.context.phase
        self.context = replace(self.context, phase=phase).clear_slot(*state.clear)
        self._record(before, phase)
        self.entered = self.context.frame
        self._say(state.say)
        if state.run:
            yield from self._react(state.run)
        if state.call:
            yield from self._carry_out(Reaction(call=state.call))

    def _go_on(self) -> "Effects":
        """Moves on until the conversation waits for the user."""
        while True:
            state = self._state
            if state.final and len(self.context.stack) > 1:
                self._end_sub_conversation()
            elif state.waits(self.context):
                return
            else:
                yield from self._move(state.next)

    def _end_sub_conversation(self) -> None:
        before = str(self.context.frame)
        self.context = self.assistant.sub_conversations[self._machine.name].end(self.context)
        self._record(before, self.context.phase)

    def _record(self, before: str, phase: ConversationPhase) -> None:
        self.moves.append(StateChange(from_state=before, to_state=str(self.context.frame), phase=phase))
        if len(self.moves) > MAX_STEPS:
            raise AssistantFailed(f"more than {MAX_STEPS} moves in one turn: the states go round", state=before)

    # Asking what is pending.

    def _ask(self) -> None:
        """Says the question that the user is to answer, unless it was just said."""
        state = self._state
        requested = self._requested(state)
        attempts = self.context.attempts + 1 if self.missed and requested == self.context.requested_slot else 0
        if requested:
            self._say(self.assistant.slots.next_prompt(requested, self._scope, attempts=attempts))
        elif self.entered != self.context.frame and not state.final:
            self._say(state.say)
        if (requested, attempts) != (self.context.requested_slot, self.context.attempts):
            self.context = replace(self.context, requested_slot=requested, attempts=attempts)

    def _say(self, text: Text) -> None:
        if not text:
            return
        try:
            self.said.append(render(text, self._scope.names()))
        except Exception as error:  # A template is an author's code, and may raise anything.
            raise AssistantFailed("a template could not be written out", state=str(self.context.frame)) from error

    # Where the conversation stands.

    @property
    def _scope(self) -> Scope:
        return Scope(context=self.context, understanding=self.understanding, now=self.now, change=self.change)

    @property
    def _machine(self) -> DialogFlow:
        return self.assistant.machines[self.context.stack[-1].flow]

    @property
    def _state(self) -> DialogState:
        return self._machine.current_state(self.context)

    def _requested(self, state: DialogState) -> str:
        missing = state.form.missing(self.context) if state.form else ()
        return missing[0] if missing else ""

    def _runs(self, flow: str) -> bool:
        return not self._state.final and any(frame.flow == flow for frame in self.context.stack)

    def _is_answer(self) -> bool:
        """Whether the message is, for the most part, the value that was asked for, or takes one back."""
        if self.change.cleared:
            return True
        candidate = self.understanding.slots.get(self.context.requested_slot)
        return candidate is not None and 2 * len(candidate.raw) >= len(self.understanding.message.strip())


Effects: TypeAlias = Generator[Effect, Understanding | Reaction | None, None]
