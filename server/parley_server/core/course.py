"""The course of one turn: what has come of it so far, and the moves that a conversation can make.

A course lives no longer than its turn. What it needs from the world it yields as an `Effect`.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from parley_server.core.assistant import Assistant
from parley_server.core.conditions import Scope
from parley_server.core.context import ConversationContext, Frame, Handoff, Message, Question, StateChange, is_json
from parley_server.core.decision import Decision
from parley_server.core.effects import Generate, Perform, Steps
from parley_server.core.explanation import Explanation
from parley_server.core.flow import Assignments, Call, DialogFlow, DialogState, Transition
from parley_server.core.generation import Generated, Generation
from parley_server.core.reactions import Handler, Reaction
from parley_server.core.slots import GiveUp, Rejection, SlotsChange, SlotValue
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.texts import Text, render
from parley_server.core.understanding import Command, Understanding
from parley_server.core.withholding import is_private, shown_slots, shown_text
from parley_server.errors import AssistantFailed, ModelUnavailable

MAX_STEPS = 100
"""How many moves a turn may make before its definition counts as endless."""
MAX_DEPTH = 16
"""How many flows may be on the stack before they count as calling each other without end."""
SUMMARY_TURNS = 5
"""How many of the last turns whoever takes over a conversation is shown."""


class Course:
    """The course of one turn."""

    def __init__(
        self,
        assistant: Assistant,
        context: ConversationContext,
        message: str,
        now: datetime,
        explanation: Explanation,
        *,
        given: Mapping[str, SlotValue],
        dry_run: bool = False,
    ) -> None:
        """Takes the session before the turn, the message, the time, and values that the caller gives."""
        self.assistant = assistant
        self.before = context
        self.context = context.set_slots(given)
        self.now = now
        self.explanation = explanation
        self.dry_run = dry_run
        self.understanding = Understanding(message=message)
        self.change = SlotsChange()
        """What the message did to the slots."""
        self.said: list[tuple[str, str]] = []
        """What was said, and the same without the values of sensitive slots."""
        self.moves: list[StateChange] = []
        self.rejected: list[Rejection] = []
        self.entered: Frame | None = None
        """Where the conversation arrived last in this turn: what that state says has just been said."""
        self.missed = False
        """Whether the message was no answer to what was asked."""
        self.opening = False
        """Whether the conversation is being opened: what the first state asks is asked when the message was read."""

    # Where the conversation stands.

    @property
    def scope(self) -> Scope:
        """What the turn knows."""
        return Scope(
            context=self.context,
            understanding=self.understanding,
            now=self.now,
            change=self.change,
            dry_run=self.dry_run,
        )

    @property
    def machine(self) -> DialogFlow:
        """The flow on top of the stack."""
        return self.assistant.machines[self.context.stack[-1].flow]

    @property
    def state(self) -> DialogState:
        """The state on top of the stack."""
        frame = self.context.stack[-1]
        return self.assistant.machines[frame.flow].states[frame.state]

    @property
    def nested(self) -> bool:
        """Whether something waits below the flow on top."""
        return len(self.context.stack) > 1

    @property
    def running_slots(self) -> frozenset[str]:
        """Every slot that is collected by a flow on the stack, or by one that it calls or goes over to."""
        return frozenset[str]().union(*(self.assistant.reached_slots[frame.flow] for frame in self.context.stack))

    @property
    def aside(self) -> bool:
        """Whether a sub-conversation runs."""
        return self.nested and isinstance(self.machine, SubConversation)

    def decision(self) -> Decision:
        """What the turn has come to."""
        before, after = self.before, self.context.slots
        changed = SlotsChange(
            filled={name: value for name, value in after.items() if before.slots.get(name) != value},
            cleared=tuple(name for name in before.slots if name not in after),
            rejected=tuple(self.rejected),
        )
        return Decision(
            context=self.context,
            reply=" ".join([said for said, _ in self.said if said]),
            shown_reply=" ".join([shown for _, shown in self.said if shown]),
            slots_changed=changed,
            state_changed=tuple(self.moves),
            intent=self.understanding.intent,
            private=is_private(before.requested_slot, self.understanding, changed, self.assistant.slots.definitions),
            explanation=tuple(self.explanation.steps),
        )

    # What can be done.

    def say(self, text: Text) -> None:
        """Adds to the reply.

        Raises:
            AssistantFailed: A template could not be written out.
        """
        if isinstance(text, str):
            if said := text.strip():
                self.said.append((said, said))
            return
        names = self.scope.names()
        try:
            said = render(text, names)
        except Exception as error:  # A template is an author's code, and may raise anything.
            raise self._failure("a template could not be written out") from error
        self.said.append((said, shown_text(text, said, names, self.assistant.slots.definitions)))

    def generate(self, generation: Generation) -> Steps[None]:
        """Has the model add to the reply, or says what stands in for that.

        Raises:
            ModelUnavailable: It gave no answer, and nothing stands in for it.
        """
        where = str(self.context.frame)
        written = yield Generate(
            generation=generation,
            profile=self.assistant.model,
            locale=self.context.locale or self.assistant.locale,
            definitions=self.assistant.slots.definitions,
            message=self.understanding.message,
            now=self.now,
            so_far=self.decision(),
        )
        if isinstance(written, ModelUnavailable):
            self.explanation.note("generate", where, f"the model gave no answer ({written.fault})")
            if not generation.otherwise:
                raise written
            self.say(generation.otherwise)
        elif isinstance(written, Generated):
            self.explanation.note("generate", where, "the model wrote a text", taken=True)
            self.said.append((written.text, written.text))
            self.context = replace(self.context, summary=written.summary or self.context.summary)

    def ask(self, question: Question | None) -> None:
        """Keeps what is asked besides a slot, so that the next message can answer it."""
        if question != self.context.question:
            self.context = replace(self.context, question=question)

    def react(self, handler: Handler) -> Steps[None]:
        """Carries out a reaction, or has the code run that makes one."""
        if isinstance(handler, Reaction):
            yield from self.carry_out(handler)
            return
        reaction = yield Perform(handler, (self.scope,), str(self.context.frame))
        if isinstance(reaction, Reaction) and is_json(reaction.metadata):
            yield from self.carry_out(reaction)
        elif reaction is not None:
            raise self._failure("the assistant's code returned no Reaction that can be kept")

    def carry_out(self, reaction: Reaction) -> Steps[None]:
        """Changes slots and metadata, says, moves."""
        for name, value in reaction.fill.items():
            if problem := self.assistant.slots.mistyped(name, value):
                raise self._failure(f"a reaction fills {name}: {problem}")
        self.context = self.context.clear_slot(*reaction.clear).set_slots(reaction.fill)
        if reaction.metadata:
            self.context = self.context.merge_metadata(reaction.metadata)
        self.say(reaction.say)
        if reaction.generate:
            yield from self.generate(reaction.generate)
        if reaction.handoff:
            self.hand_off(reaction.handoff)
        elif reaction.start:
            yield from self.start(reaction.start)
        elif reaction.to:
            # A reaction may come while a sub-conversation runs, and mean the flow that this interrupted.
            while self.nested and reaction.to not in self.machine.states:
                self.end_top()
            yield from self.move(reaction.to)
        elif reaction.call:
            yield from self.call(Call(flow=reaction.call))

    def follow(self, transition: Transition) -> Steps[None]:
        """Takes a way out of a state."""
        self.context = self.context.clear_slot(*transition.clear)
        self.say(transition.say)
        if transition.handoff:
            self.hand_off(transition.handoff)
        else:
            yield from self.move(transition.to)

    def start(self, place: str, *, afresh: bool = False) -> Steps[None]:
        """Starts a flow, `flow` or `flow/state`, instead of what is running.

        What its forms collect is forgotten; `afresh`, also what the flows collect that it calls or goes over to.
        """
        before = str(self.context.frame or "")
        name, _, state = place.partition("/")
        flow = self._flow(name, state)
        if before:
            for frame in self.context.stack:
                self._forget(self.assistant.machines[frame.flow])
            self.context = replace(
                self.context.clear_slot(*(self.assistant.slots_of(name) if afresh else flow.slots)),
                stack=(),
                skipped=(),
                unconfirmed=(),
                confirmed=(),
            )
        self.context = flow.start(self.context, at=state)
        yield from self._arrive(before)
        yield from self.go_on()

    def move(self, to: str) -> Steps[None]:
        """Goes to another state of the flow on top."""
        before = str(self.context.frame)
        if to not in self.machine.states:
            raise self._failure(f"there is no state {to}")
        self.context = self.machine.transition(self.context, to)
        yield from self._arrive(before)

    def call(self, call: Call) -> Steps[None]:
        """Puts a flow on top of the stack; what is below waits until it hands back.

        Raises:
            AssistantFailed: Flows call each other without end.
        """
        before = str(self.context.frame)
        if len(self.context.stack) >= MAX_DEPTH:
            raise self._failure(f"more than {MAX_DEPTH} flows call each other")
        self._assign(call.inputs)
        self.context = self._flow(call.flow).start(self.context)
        yield from self._arrive(before)

    def end_top(self) -> None:
        """Takes the flow on top from the stack; what it interrupted goes on, with what it was called for."""
        before = str(self.context.frame)
        ended = self.machine
        self.context = ended.end(self.context)
        called = self.state.call
        if called and called.flow == ended.name:
            self._assign(called.outputs)
        self._forget(ended)
        self._record(before)

    def go_on(self) -> Steps[None]:
        """Moves on until the conversation waits for the user."""
        while not self.context.handoff:
            state = self.state
            if state.final and self.nested:
                self.end_top()
            elif state.link:
                yield from self._link(state.link)
            elif state.waits(self.context):
                if state.final and self.entered == self.context.frame:
                    self._forget(self.machine)
                return
            else:
                if state.form:
                    self.context = self.context.set_slots(state.form.defaults(self.context))
                yield from self.move(state.onward(self.scope, self.explanation))

    def give_up(self, how: GiveUp | None, reason: str) -> Steps[None]:
        """Does what the author said for when asking is in vain; skips and defaults are for slots alone."""
        if how is GiveUp.HANDOFF:
            self.hand_off(reason)
        elif how is GiveUp.CANCEL:
            yield from self.cancel()

    def cancel(self) -> Steps[None]:
        """Ends what the user is in the midst of, a digression or all of it, unless the author said something else."""
        own = self.assistant.router.intents.get(Command.CANCEL.value)
        if own and own.handler:
            yield from self.react(own.handler)
            return
        while self._called:
            self.context = self.machine.end(self.context)
        if self.nested:
            self.say(self.assistant.texts.ended)
            self.end_top()
        else:
            self.say(self.assistant.texts.cancelled)
            yield from self.start(self.assistant.initial_flow, afresh=True)

    def hand_off(self, reason: str) -> None:
        """Gives the conversation to somebody else, with a summary of it."""
        shown = shown_slots(self.context.slots, self.assistant.slots.definitions)
        lines = [f"{name}: {value}" for name, value in shown.items()]
        messages = (*self.context.recent_messages(2 * SUMMARY_TURNS), Message("user", self.understanding.message))
        lines += [f"{message.role}: {message.text}" for message in messages]
        self.say(self.assistant.texts.handoff)
        self.context = replace(
            self.context, handoff=Handoff(reason=reason, summary="\n".join(lines), at=self.now), question=None
        )

    # How it is done.

    def _arrive(self, before: str) -> Steps[None]:
        """Enters the state on top of the stack."""
        state = self.state
        self.context = replace(self.context, phase=state.phase or self.context.phase).clear_slot(*state.clear)
        self._record(before)
        asks = bool(state.transitions) and not state.form
        self.entered = None if self.opening and asks else self.context.frame
        self._assign(state.assign)
        self._doubt(state)
        if self.entered or state.chats:
            self.say(state.say)
        if self.entered and state.generate and not (state.chats and state.say):
            yield from self.generate(state.generate)
        moved = len(self.moves)
        if state.run:
            yield from self.react(state.run)
        if len(self.moves) > moved:
            return  # The code has led the conversation elsewhere.
        if state.call:
            yield from self.call(state.call)
        elif state.handoff:
            self.hand_off(state.handoff)

    def _link(self, place: str) -> Steps[None]:
        before = str(self.context.frame)
        name, _, state = place.partition("/")
        self._forget(self.machine)
        self.context = self._flow(name, state).start(self.context.pop(), at=state)
        yield from self._arrive(before)

    def _doubt(self, state: DialogState) -> None:
        """Has the values confirmed that a form finds already there, where the author wants that."""
        if not state.form:
            return
        given = {*self.change.filled, *self.context.unconfirmed}
        doubtful = tuple(name for name in state.form.known_before(self.context) if name not in given)
        if doubtful:
            self.context = replace(self.context, unconfirmed=self.context.unconfirmed + doubtful)

    def _assign(self, assignments: Assignments) -> None:
        for name, value_of in assignments.items():
            value = value_of(self.scope)
            self.context = self.context.clear_slot(name) if value is None else self.context.set_slot(name, value)

    def _forget(self, flow: DialogFlow) -> None:
        """Clears what does not outlive the flow that collected it."""
        definitions = self.assistant.slots.definitions
        self.context = self.context.clear_slot(*(name for name in flow.slots if not definitions[name].keep))
        if self.context.skipped:
            skipped = tuple(name for name in self.context.skipped if name not in flow.slots)
            self.context = replace(self.context, skipped=skipped)

    def _record(self, before: str) -> None:
        self.moves.append(StateChange(from_state=before, to_state=str(self.context.frame), phase=self.context.phase))
        if len(self.moves) > MAX_STEPS:
            raise self._failure(f"more than {MAX_STEPS} moves in one turn: the states go round")

    def _flow(self, name: str, state: str = "") -> DialogFlow:
        flow = self.assistant.machines.get(name)
        if flow is None or (state and state not in flow.states):
            raise self._failure(f"there is no flow {name}" if flow is None else f"there is no state {name}/{state}")
        return flow

    def _failure(self, problem: str) -> AssistantFailed:
        return AssistantFailed(problem, state=str(self.context.frame or ""))

    @property
    def _called(self) -> bool:
        """Whether the flow on top was called by the state below it."""
        if not self.nested:
            return False
        below = self.context.stack[-2]
        call = self.assistant.machines[below.flow].states[below.state].call
        return call is not None and call.flow == self.machine.name
