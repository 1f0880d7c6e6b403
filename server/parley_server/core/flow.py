"""Dialog flows: finite-state machines whose position lives in the context, never in the flow."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from parley_server.core.conditions import CONFIRM, DENY, Condition, Scope
from parley_server.core.context import ConversationContext, ConversationPhase, Frame
from parley_server.core.explanation import Explanation
from parley_server.core.filling import FormFiller
from parley_server.core.generation import Generation
from parley_server.core.reactions import Action
from parley_server.core.slots import SlotValue
from parley_server.core.texts import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A way out of a state: taken when its condition is the first that holds."""

    when: Condition
    to: str = ""
    handoff: str = ""
    """Why somebody else is to take over the conversation, which stays where it is; either this or `to`."""
    say: Text = ""
    clear: tuple[str, ...] = ()
    """Slots that lose their value on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """A way that a state goes on by itself, while its condition holds."""

    when: Condition
    to: str


Assignments: TypeAlias = Mapping[str, Callable[[Scope], SlotValue | None]]
"""Values that slots take, out of what the turn knows; None: the slot loses its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A flow that is called: it runs on the stack and hands back."""

    flow: str
    inputs: Assignments = field(default_factory=dict)
    """Carried out before it starts."""
    outputs: Assignments = field(default_factory=dict)
    """Carried out when it hands back."""


class Digress(StrEnum):
    """Whether another intent may interrupt a state."""

    ALLOW = "allow"
    FORBID = "forbid"
    ASK = "ask"
    """Only when the user says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogState:
    """A state of a flow.

    On entry it clears, says, has the model speak, runs, and calls or hands off. With a form it waits until that is
    complete; with transitions alone it waits for one of them; then, and with neither, it goes on to `next`. With none
    of the three it is final: its flow is over.
    """

    name: str
    phase: ConversationPhase | None = None
    """The phase from here on; None: it stays."""
    clear: tuple[str, ...] = ()
    """Slots that lose their value on entry."""
    say: Text = ""
    """Said on entry; asked again while the state waits without a form."""
    generate: Generation | None = None
    """What the model says on entry, after that; where the state `chats`, what it answers."""
    run: Action | None = None
    """Code that runs on entry."""
    assign: Assignments = field(default_factory=dict)
    """Values that slots take on entry."""
    call: Call | None = None
    """The flow or sub-conversation to start on entry; the state goes on when it hands back."""
    link: str = ""
    """The flow to go over to on entry, `flow` or `flow/state`; it does not hand back."""
    handoff: str = ""
    """Why somebody else is to take over the conversation on entry; the state goes on when it is handed back."""
    form: FormFiller | None = None
    """The slots that are collected here."""
    transitions: tuple[Transition, ...] = ()
    forks: tuple[Fork, ...] = ()
    """Where to go instead of `next`: to the first whose condition holds. With them there is a `next`."""
    next: str = ""
    """The state to go to when nothing is left to wait for."""
    digress: Digress = Digress.ALLOW
    """Whether another intent may interrupt the state."""
    expires_after: timedelta | None = None
    """How long the state waits for the user; None: as long as the session lives."""
    expired: str = ""
    """The state to go to after that."""

    @property
    def final(self) -> bool:
        """Whether the flow is over here."""
        return not (self.form or self.transitions or self.next or self.link)

    @property
    def chats(self) -> bool:
        """Whether the model answers each message that takes no way out. What the state says, it opens with then."""
        return self.generate is not None and bool(self.transitions) and not self.form

    @property
    def asks_yes_or_no(self) -> bool:
        """Whether what the state waits for is a yes or a no."""
        return any(transition.when in (CONFIRM, DENY) for transition in self.transitions)

    def waits(self, context: ConversationContext) -> bool:
        """Whether the state needs a message of the user to go on."""
        if self.form:
            return not self.form.complete(context) or not self.next
        return bool(self.transitions) or not self.next

    def onward(self, scope: Scope, explanation: Explanation) -> str:
        """The state to go to when nothing is left to wait for."""
        for fork in self.forks:
            name = f"{scope.context.frame} → {fork.to}"
            if fork.when(scope):
                explanation.note("next", name, f"{fork.when.name} holds", taken=True)
                return fork.to
            explanation.note("next", name, f"{fork.when.name} does not hold")
        return self.next


class DialogFlow:
    """A finite-state machine of dialog states."""

    def __init__(self, name: str, states: Iterable[DialogState], *, initial: str = "") -> None:
        """Takes the states; without `initial` the first one is the initial one."""
        self.name = name
        self.states: Mapping[str, DialogState] = {state.name: state for state in states}
        self.initial_state = self.states[initial or next(iter(self.states))]
        self.slots = frozenset(name for state in self.states.values() if state.form for name in state.form.slots)
        """Every slot that a form of the flow collects."""

    def start(self, context: ConversationContext, *, at: str = "") -> ConversationContext:
        """Puts the flow on top of the stack, at its initial state or another one."""
        return context.push(Frame(self.name, at or self.initial_state.name))

    def active(self, context: ConversationContext) -> bool:
        """Whether the flow is on the context's stack."""
        return any(frame.flow == self.name for frame in context.stack)

    def end(self, context: ConversationContext) -> ConversationContext:
        """Takes the flow from the top of the stack; what it interrupted is on top again."""
        return context.pop()

    def current_state(self, context: ConversationContext) -> DialogState:
        """The state at which the context stands; the context's top frame must be this flow's."""
        return self.states[context.stack[-1].state]

    def transition(self, context: ConversationContext, to: str) -> ConversationContext:
        """Moves the context to a state of this flow, and into that state's phase."""
        return context.transition_to(to, phase=self.states[to].phase)

    def process(self, scope: Scope, explanation: Explanation) -> Transition | None:
        """The transition that the message takes from the current state: the first whose condition holds."""
        state = self.current_state(scope.context)
        for transition in state.transitions:
            name = f"{self.name}/{state.name} → {transition.to or 'handoff'}"
            if transition.when(scope):
                explanation.note("transition", name, f"{transition.when.name} holds", taken=True)
                return transition
            explanation.note("transition", name, f"{transition.when.name} does not hold")
        return None
