"""Compiling: a definition's data into the assistant that runs, with every defect found on the way."""

import hashlib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from parley_server.assistants.parts import Parts, Path
from parley_server.assistants.schema import (
    AssistantModel,
    BranchModel,
    CallModel,
    FallbackModel,
    FlowModel,
    ForkModel,
    MigrateModel,
    ReactionModel,
    StateModel,
    TextsModel,
    TransitionModel,
)
from parley_server.assistants.slot_compiling import compile_slot, literal
from parley_server.core.assistant import Assistant, Fallback, Migration, Texts
from parley_server.core.branching import BranchingConversation, ConversationBranch
from parley_server.core.conditions import BUILT_IN
from parley_server.core.filling import FormFiller, SlotFiller
from parley_server.core.flow import Call, DialogFlow, DialogState, Fork, Transition
from parley_server.core.generation import ModelProfile, Older
from parley_server.core.intents import Intent, IntentRouter
from parley_server.core.reactions import Handler, Reaction
from parley_server.core.slots import GiveUp
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.understanding import Command

_RECENT_TURNS = 10
"""How many of the last turns an author's code, or whoever takes over a conversation, is shown."""
_RESERVED = BUILT_IN.keys() - {command.value for command in Command}

_Flow = TypeVar("_Flow", bound=DialogFlow)


class Compilation:
    """The compilation of one definition. `defects` holds what was found wrong, each with its place."""

    def __init__(self, model: AssistantModel, folder: pathlib.Path | None = None) -> None:
        """Takes a definition whose keys and types are right, and the folder that its file is in."""
        self.model = model
        self._parts = Parts(model, folder)
        self.defects = self._parts.defects
        self._filler = SlotFiller(compile_slot(self._parts, name, slot) for name, slot in model.slots.items())

    def run(self) -> Assistant:
        """Compiles everything. The result is of use only if there are no defects."""
        model = self.model
        self._parts.attempt(("time_zone",), lambda: _time_zone(model.time_zone))
        branches = [self._branch(("branches", index), branch) for index, branch in enumerate(model.branches)]
        router = IntentRouter(self._intents())
        flows = {name: self._flow(("flows", name), flow, DialogFlow) for name, flow in model.flows.items()}
        return Assistant(
            name=model.assistant,
            version=self._parts.attempt((), lambda: _digest(model)) or "",
            locale=model.locale,
            time_zone=model.time_zone,
            slots=self._filler,
            router=router,
            branches=BranchingConversation(branches),
            flows=flows,
            initial_flow=next(iter(flows)),
            sub_conversations=self._sub_conversations(),
            fallback=self._fallback(model.fallback),
            texts=self._texts(model.texts),
            migration=self._migration(model.migrate),
            nlu=model.nlu,
            model=ModelProfile(**model.model.model_dump()),
            recent_turns=self._recent_turns(),
        )

    # Flows.

    def _sub_conversations(self) -> Mapping[str, SubConversation]:
        for name in self.model.sub_conversations.keys() & self.model.flows.keys():
            self._parts.defect(("sub_conversations", name), "a flow has this name too")
        return {
            name: self._flow(("sub_conversations", name), flow, SubConversation)
            for name, flow in self.model.sub_conversations.items()
        }

    def _flow(self, path: Path, flow: FlowModel, kind: type[_Flow]) -> _Flow:
        initial = self._parts.known((*path, "initial"), flow.initial, flow.states, "state")
        states = [self._state((*path, "states", name), flow, state) for name, state in flow.states.items()]
        return kind(str(path[-1]), states, initial=initial)

    def _state(self, path: Path, flow: FlowModel, state: StateModel) -> DialogState:
        self._check_exits(path, state)
        parts = self._parts
        collected = parts.slots((*path, "collect"), state.collect)
        for index, name in enumerate(state.collect):
            if name in collected and self.model.slots[name].internal:
                parts.defect((*path, "collect", index), f"`{name}` is internal: nothing that a user says fills it")
        forks, onward = self._onward((*path, "next"), flow, state.next)
        return DialogState(
            name=str(path[-1]),
            phase=state.phase,
            clear=parts.slots((*path, "clear"), state.clear),
            say=parts.text((*path, "say"), state.say),
            generate=parts.generation((*path, "generate"), state.generate),
            run=parts.action((*path, "run"), state.run),
            assign=parts.assignments((*path, "set"), state.set),
            call=self._call((*path, "call"), state.call),
            link=parts.place((*path, "link"), state.link),
            handoff=state.handoff,
            form=FormFiller(collected, self._filler) if collected else None,
            transitions=tuple(
                self._transition((*path, "on", index), flow, transition) for index, transition in enumerate(state.on)
            ),
            forks=forks,
            next=onward,
            digress=state.digress,
            expires_after=state.expires_after,
            expired=parts.known((*path, "expired"), state.expired, flow.states, "state"),
        )

    def _check_exits(self, path: Path, state: StateModel) -> None:
        if state.on and state.next and not state.collect:
            self._parts.defect((*path, "next"), "a state that waits for `on` without a form has no `next`")
        if state.link and (state.on or state.next or state.collect):
            self._parts.defect((*path, "link"), "a state that goes over to another flow waits for nothing")
        entry = [key for key in ("run", "call", "link", "handoff") if getattr(state, key)]
        if state.handoff and len(entry) > 1:
            self._parts.defect((*path, "handoff"), f"a state that hands off does not `{entry[0]}`: use two states")
        if bool(state.expires_after) != bool(state.expired):
            self._parts.defect((*path, "expires_after"), "say after how long, and in `expired` which state follows")

    def _call(self, path: Path, call: CallModel | None) -> Call | None:
        if call is None:
            return None
        return Call(
            flow=self._parts.callee((*path, "flow"), call.flow),
            inputs=self._parts.assignments((*path, "inputs"), call.inputs),
            outputs=self._parts.assignments((*path, "outputs"), call.outputs),
        )

    def _transition(self, path: Path, flow: FlowModel, transition: TransitionModel) -> Transition:
        if bool(transition.to) == bool(transition.handoff):
            self._parts.defect(path, "a way out has either `to`, the state it leads to, or `handoff`")
        return Transition(
            when=self._parts.condition((*path, "when"), transition.when),
            to=self._parts.known((*path, "to"), transition.to, flow.states, "state"),
            handoff=transition.handoff,
            say=self._parts.text((*path, "say"), transition.say),
            clear=self._parts.slots((*path, "clear"), transition.clear),
        )

    def _onward(self, path: Path, flow: FlowModel, ways: Sequence[ForkModel]) -> tuple[tuple[Fork, ...], str]:
        """The ways that have a condition, and where the last one leads."""
        parts = self._parts
        if len(ways) == 1 and not ways[0].when:
            return (), parts.known(path, ways[0].to, flow.states, "state")
        forks = []
        for index, way in enumerate(ways):
            target = parts.known((*path, index, "to"), way.to, flow.states, "state")
            if bool(way.when) == (index == len(ways) - 1):
                parts.defect((*path, index), "each way on has a `when`, but for the last one, which has none")
            elif way.when in BUILT_IN:
                text = f"no message is waited for here that could be `{way.when}`: write an expression, or use `on`"
                parts.defect((*path, index, "when"), text)
            elif way.when:
                forks.append(Fork(when=parts.condition((*path, index, "when"), way.when), to=target))
        return tuple(forks), ways[-1].to if ways else ""

    # Branches and intents.

    def _branch(self, path: Path, branch: BranchModel) -> ConversationBranch:
        return ConversationBranch(
            name=branch.name,
            condition=self._parts.condition((*path, "when"), branch.when),
            handler=self._reaction(path, branch) or Reaction(),
            priority=branch.priority,
        )

    def _intents(self) -> Iterator[Intent]:
        for name, intent in self.model.intents.items():
            path = ("intents", name)
            if name in _RESERVED:
                self._parts.defect(path, "this is the name of a built-in condition")
            handler = self._reaction(path, intent)
            yield Intent(name=name, label=intent.label, examples=tuple(intent.examples), handler=handler)

    def _reaction(self, path: Path, reaction: ReactionModel) -> Handler | None:
        parts = self._parts
        moves = [key for key in ("to", "start", "call", "handoff") if getattr(reaction, key)]
        if len(moves) > 1:
            parts.defect((*path, moves[1]), f"it moves already, by `{moves[0]}`")
        if reaction.run and (moves or reaction.clear or reaction.say or reaction.generate):
            parts.defect((*path, "run"), "code makes the whole reaction: nothing else stands beside it")
        if reaction.run:
            return parts.action((*path, "run"), reaction.run)
        states = {state for flow in self.model.flows.values() for state in flow.states}
        compiled = Reaction(
            clear=parts.slots((*path, "clear"), reaction.clear),
            say=parts.text((*path, "say"), reaction.say),
            generate=parts.generation((*path, "generate"), reaction.generate),
            to=parts.known((*path, "to"), reaction.to, states, "state"),
            start=parts.place((*path, "start"), reaction.start),
            call=parts.callee((*path, "call"), reaction.call),
            handoff=reaction.handoff,
        )
        return compiled if compiled != Reaction() else None

    def _migration(self, rule: MigrateModel | None) -> Migration | None:
        if rule is None:
            return None
        parts, slots = self._parts, self.model.slots
        for old, name in rule.slots.items():
            parts.known(("migrate", "slots", old), name, slots, "slot")
        for old, place in rule.states.items():
            parts.place(("migrate", "states", old), place)
        defaults = {
            name: parts.attempt(("migrate", "defaults", name), partial(literal, value, slots[name]))
            for name, value in rule.defaults.items()
            if parts.known(("migrate", "defaults", name), name, slots, "slot")
        }
        return Migration(
            versions=frozenset(rule.versions),
            slots=rule.slots,
            states=rule.states,
            defaults={name: value for name, value in defaults.items() if value is not None},
        )

    # What it says of itself.

    def _fallback(self, fallback: FallbackModel) -> Fallback:
        say = self._parts.text(("fallback", "say"), fallback.say) or Fallback().say
        return Fallback(say=say, max_attempts=fallback.max_attempts, give_up=fallback.then)

    def _texts(self, texts: TextsModel) -> Texts:
        given = {name: self._parts.text(("texts", name), text) for name, text in texts if text}
        return Texts(**given)

    def _recent_turns(self) -> int:
        profile = self.model.model
        # Turns are summed up when as many again were taken; as many more are loaded where that failed for a while.
        shown = profile.recent_turns * (3 if profile.older is Older.SUMMARIZE else 1) if self._parts.has_texts else 0
        return max(shown, _RECENT_TURNS if self._parts.has_code or self._may_hand_off() else 0)

    def _may_hand_off(self) -> bool:
        model = self.model
        machines = (*model.flows.values(), *model.sub_conversations.values())
        states = [state for machine in machines for state in machine.states.values()]
        return (
            bool(model.fallback.max_attempts)
            or any(slot.then is GiveUp.HANDOFF for slot in model.slots.values())
            or any(reaction.handoff for reaction in (*model.intents.values(), *model.branches))
            or any(state.handoff or any(way.handoff for way in state.on) for state in states)
        )


def _digest(model: AssistantModel) -> str:
    return hashlib.sha256(model.model_dump_json(by_alias=True).encode()).hexdigest()[:12]


def _time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"there is no time zone `{name}`") from error
