"""Compiling: a definition's data into the assistant that runs, with every defect found on the way."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from parley_server.assistants.callables import find_callable, names_callable
from parley_server.assistants.expressions import Expressions
from parley_server.assistants.schema import (
    AssistantModel,
    BranchModel,
    CheckModel,
    FlowModel,
    ReactionModel,
    SlotModel,
    StateModel,
    TransitionModel,
)
from parley_server.assistants.templates import compile_template
from parley_server.core.assistant import Assistant
from parley_server.core.branching import BranchingConversation, ConversationBranch
from parley_server.core.conditions import BUILT_IN, Condition, intent_is
from parley_server.core.filling import FormFiller, SlotFiller
from parley_server.core.flow import DialogFlow, DialogState, Transition
from parley_server.core.intents import Intent, IntentRouter
from parley_server.core.reactions import Action, Handler, Reaction
from parley_server.core.slots import (
    Choice,
    Extractor,
    SlotDefinition,
    SlotType,
    SlotValue,
    ValidationScope,
    Validator,
)
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.texts import Text

Path = tuple[str | int, ...]
"""Where something stands in a definition: keys and indices from the root."""

_RECENT_TURNS = 10
"""How many of the last turns an author's code is shown."""

_T = TypeVar("_T")


class Compilation:
    """The compilation of one definition. `defects` holds what was found wrong, each with its place."""

    def __init__(self, model: AssistantModel) -> None:
        """Takes a definition whose keys and types are right."""
        self.model = model
        self.defects: list[tuple[Path, str]] = []
        self._has_code = False
        self._expressions = Expressions({name: slot.type for name, slot in model.slots.items()})
        self._filler = SlotFiller(self._slot(name, slot) for name, slot in model.slots.items())

    def run(self) -> Assistant:
        """Compiles everything. The result is of use only if there are no defects."""
        model = self.model
        self._try(("time_zone",), lambda: _time_zone(model.time_zone))
        return Assistant(
            name=model.assistant,
            version=hashlib.sha256(model.model_dump_json(by_alias=True).encode()).hexdigest()[:12],
            locale=model.locale,
            time_zone=model.time_zone,
            slots=self._filler,
            router=IntentRouter(self._intents()),
            branches=BranchingConversation(
                self._branch(("branches", index), branch) for index, branch in enumerate(model.branches)
            ),
            flows={name: self._flow(("flows", name), flow) for name, flow in model.flows.items()},
            initial_flow=next(iter(model.flows)),
            sub_conversations=self._sub_conversations(),
            fallback=self._text(("fallback",), model.fallback) or Assistant.fallback,
            recent_turns=_RECENT_TURNS if self._has_code else 0,
        )

    # Slots.

    def _slot(self, name: str, slot: SlotModel) -> SlotDefinition:
        path = ("slots", name)
        if (slot.type is SlotType.CHOICE) != bool(slot.choices):
            self._defect((*path, "choices"), "a slot of type choice has choices, and no other has")
        return SlotDefinition(
            name=name,
            type=slot.type,
            description=slot.description,
            prompt=self._text((*path, "prompt"), slot.prompt),
            reprompts=tuple(self._text((*path, "reprompt", i), text) for i, text in enumerate(slot.reprompt)),
            required=slot.required,
            choices=tuple(Choice(name=choice, synonyms=tuple(words)) for choice, words in slot.choices.items()),
            validator=self._validator((*path, "validate"), slot),
            extractor=self._extractor((*path, "extract"), slot.extract) if slot.extract else None,
            sensitive=slot.sensitive,
        )

    def _validator(self, path: Path, slot: SlotModel) -> Validator | None:
        compiled = [self._rule((*path, index), rule, slot.type) for index, rule in enumerate(slot.validators)]
        validators = [validator for validator in compiled if validator]
        if len(validators) <= 1:
            return validators[0] if validators else None

        def validate(value: SlotValue, scope: ValidationScope) -> str | None:
            return next(filter(None, (validator(value, scope) for validator in validators)), None)

        return validate

    def _rule(self, path: Path, rule: CheckModel | str, slot_type: SlotType) -> Validator | None:
        if isinstance(rule, str):
            return self._try(path, lambda: find_callable(rule))
        return self._try((*path, "check"), lambda: self._expressions.validator(rule.check, slot_type, rule.reason))

    def _extractor(self, path: Path, source: str) -> Extractor | None:
        return self._try(path, lambda: find_callable(source) if names_callable(source) else _pattern(source))

    # Flows.

    def _sub_conversations(self) -> Mapping[str, SubConversation]:
        for name in self.model.sub_conversations.keys() & self.model.flows.keys():
            self._defect(("sub_conversations", name), "a flow has this name too")
        return {
            name: SubConversation(self._flow(("sub_conversations", name), flow))
            for name, flow in self.model.sub_conversations.items()
        }

    def _flow(self, path: Path, flow: FlowModel) -> DialogFlow:
        name = str(path[-1])
        initial = self._known((*path, "initial"), flow.initial, flow.states, "state")
        states = [self._state((*path, "states", name), flow, state) for name, state in flow.states.items()]
        return DialogFlow(name, states, initial=initial)

    def _state(self, path: Path, flow: FlowModel, state: StateModel) -> DialogState:
        if state.on and state.next and not state.collect:
            self._defect((*path, "next"), "a state that waits for `on` without a form has no `next`")
        collected = tuple(self._slots_named((*path, "collect"), state.collect))
        return DialogState(
            name=str(path[-1]),
            phase=state.phase,
            clear=self._slots_named((*path, "clear"), state.clear),
            say=self._text((*path, "say"), state.say),
            run=self._code((*path, "run"), state.run),
            call=self._known((*path, "call"), state.call, self.model.sub_conversations, "sub-conversation"),
            form=FormFiller(collected, self._filler) if collected else None,
            transitions=tuple(
                self._transition((*path, "on", index), flow, transition) for index, transition in enumerate(state.on)
            ),
            next=self._known((*path, "next"), state.next, flow.states, "state"),
        )

    def _transition(self, path: Path, flow: FlowModel, transition: TransitionModel) -> Transition:
        return Transition(
            when=self._condition((*path, "when"), transition.when),
            to=self._known((*path, "to"), transition.to, flow.states, "state"),
            say=self._text((*path, "say"), transition.say),
            clear=self._slots_named((*path, "clear"), transition.clear),
        )

    # Branches and intents.

    def _branch(self, path: Path, branch: BranchModel) -> ConversationBranch:
        return ConversationBranch(
            name=branch.name,
            condition=self._condition((*path, "when"), branch.when),
            handler=self._reaction(path, branch) or Reaction(),
            priority=branch.priority,
        )

    def _intents(self) -> Iterator[Intent]:
        for name, intent in self.model.intents.items():
            path = ("intents", name)
            if name in BUILT_IN:
                self._defect(path, "this is the name of a built-in condition")
            yield Intent(name=name, examples=tuple(intent.examples), handler=self._reaction(path, intent))

    def _reaction(self, path: Path, reaction: ReactionModel) -> Handler | None:
        moves = [key for key in ("to", "start", "call") if getattr(reaction, key)]
        if len(moves) > 1:
            self._defect((*path, moves[1]), f"it moves already, by `{moves[0]}`")
        if reaction.run and (moves or reaction.clear or reaction.say):
            self._defect((*path, "run"), "code makes the whole reaction: nothing else stands beside it")
        if reaction.run:
            return self._code((*path, "run"), reaction.run)
        states = {state for flow in self.model.flows.values() for state in flow.states}
        flow, _, state = reaction.start.partition("/")
        if self._known((*path, "start"), flow, self.model.flows, "flow"):
            self._known((*path, "start"), state, self.model.flows[flow].states, "state")
        compiled = Reaction(
            clear=self._slots_named((*path, "clear"), reaction.clear),
            say=self._text((*path, "say"), reaction.say),
            to=self._known((*path, "to"), reaction.to, states, "state"),
            start=reaction.start,
            call=self._known((*path, "call"), reaction.call, self.model.sub_conversations, "sub-conversation"),
        )
        return compiled if compiled.clear or compiled.say or compiled.moves else None

    # What they are made of.

    def _condition(self, path: Path, source: str) -> Condition:
        if source in BUILT_IN:
            return BUILT_IN[source]
        if source in self.model.intents:
            return intent_is(source)
        test = self._try(path, lambda: self._expressions.condition(source))
        return Condition(source, test) if test else BUILT_IN["always"]

    def _text(self, path: Path, source: str) -> Text:
        return self._try(path, lambda: compile_template(source, self.model.slots)) or ""

    def _code(self, path: Path, name: str) -> Action | None:
        if not name:
            return None
        self._has_code = True
        return self._try(path, lambda: find_callable(name))

    def _slots_named(self, path: Path, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(filter(None, (self._known((*path, i), n, self.model.slots, "slot") for i, n in enumerate(names))))

    def _known(self, path: Path, name: str, names: Mapping[str, object] | set[str], kind: str) -> str:
        if not name or name in names:
            return name
        self._defect(path, f"there is no {kind} `{name}`")
        return ""

    def _defect(self, path: Path, message: str) -> None:
        self.defects.append((path, message))

    def _try(self, path: Path, compile_it: Callable[[], _T]) -> _T | None:
        """Compiles a part; a failure is a defect at its place."""
        try:
            return compile_it()
        except (ValueError, re.error) as error:
            self._defect(path, str(error))
            return None


def _time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"there is no time zone `{name}`") from error


def _pattern(source: str) -> Extractor:
    pattern = re.compile(source)
    if "value" not in pattern.groupindex:
        raise ValueError("the pattern has no group `(?P<value>…)`")

    def extract(message: str) -> str | None:
        found = pattern.search(message)
        return found["value"] if found else None

    return extract
