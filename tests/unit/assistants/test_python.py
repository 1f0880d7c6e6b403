"""Everything that YAML can say, Python can say with the same classes: one assistant in both, with every key."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from support.conversations import NOW, context, scope, understood
from support.keys import KEYS, keys_in
from support.servers import definition

from parley_server.assistants.loading import load_assistant
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.source import read_source
from parley_server.core.assistant import Assistant, Fallback, Migration, Texts
from parley_server.core.branching import BranchingConversation, ConversationBranch
from parley_server.core.conditions import BUILT_IN, CONFIRM, DENY, HELP, Condition, Scope, intent_is
from parley_server.core.context import ConversationPhase
from parley_server.core.filling import FormFiller, SlotFiller
from parley_server.core.flow import Call, DialogFlow, DialogState, Digress, Fork, Transition
from parley_server.core.generation import Generation, ModelProfile, Nlu, Older
from parley_server.core.intents import Intent, IntentRouter
from parley_server.core.reactions import Reaction
from parley_server.core.slots import Choice, GiveUp, Rule, SlotDefinition, SlotType, ValidationScope
from parley_server.core.sub_conversations import SubConversation

CODE = """
def check(value, known): return None
def find(message): return None
def act(scope): return None
"""
YAML = """
assistant: whole
version: "1"
locale: en-GB
time_zone: Europe/Berlin
nlu: cascade
model:
  name: m
  instructions: Be kind.
  temperature: 0.5
  recent_turns: 4
  prompt_tokens: 1000
  older: summarize
  sensitive: true
slots:
  size:
    type: integer
    description: how large it is
    prompt: Which size, {{ user_id }}?
    reprompt: {no_match: [N1, N2], invalid: V1}
    max_attempts: 3
    then: default
    default: 7
    required: has(slots.day)
    confirm: "{{ slots.size }}?"
    ask_first: true
    depends_on: [day]
    keep: false
    validate: [{check: value > 1, reason: "{{ value }} is small."}, "whole_code:check"]
    extract: whole_code:find
    sensitive: true
  sum: {type: float, internal: true}
  day: {type: date, extract: "on (?P<value>.*)"}
  paint: {type: choice, choices: {red: [crimson], blue: []}}
intents:
  buy: {label: buying, examples: [buy it], clear: [day], say: Well., start: order/ask}
  move: {to: ask}
  look: {call: help_me}
  person: {handoff: asked}
  code: {run: "whole_code:act"}
  talk: {generate: Chat.}
branches:
  - {name: first, when: buy, priority: 2, clear: [size], say: So., to: ask}
  - {name: second, when: turn > 9, start: order}
  - {name: third, when: help, call: order}
  - {name: fourth, when: deny, handoff: lost}
  - {name: fifth, when: always, run: "whole_code:act"}
  - {name: sixth, when: always, generate: {instructions: Sing., otherwise: "{{ phase }}", max_tokens: 9}}
flows:
  order:
    initial: ask
    states:
      begin: {link: order/ask}
      ask:
        phase: information_gathering
        clear: [paint]
        say: "Hi {{ phase }}."
        set: {day: today}
        collect: [size, day]
        on: [{when: confirm, to: end, say: Yes., clear: [day]}, {when: deny, handoff: unhappy}]
        next: [{when: slots.size > 3, to: run}, {to: end}]
        digress: ask
        expires_after: 30m
        expired: end
      run: {run: "whole_code:act", call: {flow: help_me, inputs: {size: turn}, outputs: {day: slots.day}}, next: person}
      person: {handoff: too large, next: end}
      end: {generate: Bye.}
sub_conversations:
  help_me: {states: {only: {say: Help!}}}
fallback: {say: What?, max_attempts: 2, then: cancel}
texts:
  {cancelled: A, ended: B, help: C, skipped: D, needed: E, who: F, thanks: G, clarify: H, digress: I, handoff: J}
migrate: {versions: [v], slots: {old: size}, states: {order/was: order/ask}, defaults: {day: 2026-03-04}}
"""


PROFILE = ModelProfile(
    name="m",
    instructions="Be kind.",
    temperature=0.5,
    recent_turns=4,
    prompt_tokens=1000,
    older=Older.SUMMARIZE,
    sensitive=True,
)
SONG = Generation(instructions="Sing.", otherwise=lambda names: str(names["phase"]), max_tokens=9)
TEXTS = ("cancelled", "ended", "help", "skipped", "needed", "who", "thanks", "clarify", "digress", "handoff")


def built(check: Callable[..., Any], find: Callable[..., Any], act: Callable[..., Any]) -> Assistant:
    """The same in Python."""
    slots = _slots(check, find)
    return Assistant(
        name="whole",
        version="",
        locale="en-GB",
        time_zone="Europe/Berlin",
        nlu=Nlu.CASCADE,
        model=PROFILE,
        slots=slots,
        router=IntentRouter(_intents(act)),
        branches=BranchingConversation(_branches(act)),
        flows={"order": DialogFlow("order", _states(slots, act), initial="ask")},
        initial_flow="order",
        sub_conversations={"help_me": SubConversation("help_me", [DialogState(name="only", say="Help!")])},
        fallback=Fallback(say="What?", max_attempts=2, give_up=GiveUp.CANCEL),
        texts=Texts(
            cancelled="A",
            ended="B",
            help="C",
            skipped="D",
            needed="E",
            who="F",
            thanks="G",
            clarify="H",
            digress="I",
            handoff="J",
        ),
        migration=Migration(
            versions=frozenset({"v"}),
            slots={"old": "size"},
            states={"order/was": "order/ask"},
            defaults={"day": date(2026, 3, 4)},
        ),
        recent_turns=12,
    )


def _slots(check: Callable[..., Any], find: Callable[..., Any]) -> SlotFiller:
    return SlotFiller(
        [
            SlotDefinition(
                name="size",
                type=SlotType.INTEGER,
                description="how large it is",
                prompt=lambda names: f"Which size, {names['user_id']}?",
                reprompts=("N1", "N2"),
                invalid_reprompts=("V1",),
                max_attempts=3,
                give_up=GiveUp.DEFAULT,
                default=7,
                required=lambda known: "day" in known,
                confirm=lambda names: f"{slots_in(names).get('size', '')}?",
                ask_first=lambda names: f"The size is {slots_in(names).get('size', '')}, is that right?",
                depends_on=("day",),
                keep=False,
                validators=(Rule(lambda value, _: value > 1, lambda names: f"{names['value']} is small."), check),  # type: ignore[operator]  # a value of this slot is a number
                extractor=find,
                sensitive=True,
            ),
            SlotDefinition(name="sum", type=SlotType.FLOAT, internal=True),
            SlotDefinition(name="day", type=SlotType.DATE, extractor=re.compile("on (?P<value>.*)")),
            SlotDefinition(
                name="paint",
                type=SlotType.CHOICE,
                choices=(Choice(name="red", synonyms=("crimson",)), Choice(name="blue")),
            ),
        ]
    )


def _intents(act: Callable[..., Any]) -> list[Intent]:
    return [
        Intent(
            name="buy",
            label="buying",
            examples=("buy it",),
            handler=Reaction(clear=("day",), say="Well.", start="order/ask"),
        ),
        Intent(name="move", handler=Reaction(to="ask")),
        Intent(name="look", handler=Reaction(call="help_me")),
        Intent(name="person", handler=Reaction(handoff="asked")),
        Intent(name="code", handler=act),
        Intent(name="talk", handler=Reaction(generate=Generation(instructions="Chat."))),
    ]


def _branches(act: Callable[..., Any]) -> list[ConversationBranch]:
    return [
        ConversationBranch(
            name="first",
            condition=intent_is("buy"),
            priority=2,
            handler=Reaction(clear=("size",), say="So.", to="ask"),
        ),
        ConversationBranch(name="second", condition=Condition("turn > 9", late), handler=Reaction(start="order")),
        ConversationBranch(name="third", condition=HELP, handler=Reaction(call="order")),
        ConversationBranch(name="fourth", condition=DENY, handler=Reaction(handoff="lost")),
        ConversationBranch(name="fifth", condition=BUILT_IN["always"], handler=act),
        ConversationBranch(name="sixth", condition=BUILT_IN["always"], handler=Reaction(generate=SONG)),
    ]


def _states(slots: SlotFiller, act: Callable[..., Any]) -> list[DialogState]:
    return [
        DialogState(name="begin", link="order/ask"),
        DialogState(
            name="ask",
            phase=ConversationPhase.INFORMATION_GATHERING,
            clear=("paint",),
            say=lambda names: f"Hi {names['phase']}.",
            assign={"day": lambda turn: turn.now.date()},
            form=FormFiller(("size", "day"), slots),
            transitions=(
                Transition(when=CONFIRM, to="end", say="Yes.", clear=("day",)),
                Transition(when=DENY, handoff="unhappy"),
            ),
            forks=(Fork(when=Condition("slots.size > 3", large), to="run"),),
            next="end",
            digress=Digress.ASK,
            expires_after=timedelta(minutes=30),
            expired="end",
        ),
        DialogState(
            name="run",
            run=act,
            call=Call(
                flow="help_me",
                inputs={"size": lambda turn: turn.context.turn_count + 1},
                outputs={"day": lambda turn: turn.context.get_slot("day")},
            ),
            next="person",
        ),
        DialogState(name="person", handoff="too large", next="end"),
        DialogState(name="end", generate=Generation(instructions="Bye.")),
    ]


def late(turn: Scope) -> bool:
    return turn.context.turn_count + 1 > 9


def large(turn: Scope) -> bool:
    size = turn.context.get_slot("size")
    return isinstance(size, int) and size > 3


def slots_in(names: Mapping[str, object]) -> Mapping[str, object]:
    slots = names["slots"]
    assert isinstance(slots, Mapping)
    return slots


SCOPES = [
    scope(understood("hi"), slots={"size": 2}, user_id="ada"),
    scope(understood("hi"), slots={"size": 5, "day": date(2026, 3, 9)}, turn_count=9),
]
"""What functions are tried on: two that do the same are not known to be one."""


def differences(one: object, other: object, where: str) -> list[str]:
    """Where two assistants, or parts of them, are not the same."""
    if one == other:
        return []
    if type(one) is not type(other) and not (callable(one) and callable(other)):
        return [f"{where}: {one!r} is no {other!r}"]
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        pairs = {str(key): (one.get(key), other.get(key)) for key in [*one, *(key for key in other if key not in one)]}
    elif isinstance(one, tuple | list) and isinstance(other, tuple | list) and len(one) == len(other):
        pairs = {str(index): pair for index, pair in enumerate(zip(one, other, strict=True))}
    elif is_dataclass(one):
        pairs = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(one)}
    elif callable(one) and callable(other):
        return [f"{where}: {said}" for said in _done(one, other, where.rpartition(".")[2])]
    elif hasattr(one, "__dict__"):
        pairs = {key: (value, vars(other)[key]) for key, value in vars(one).items()}
    else:
        return [f"{where}: {one!r} is not {other!r}"]
    return [said for key, (left, right) in pairs.items() for said in differences(left, right, f"{where}.{key}")]


def _done(one: Callable[..., Any], other: Callable[..., Any], key: str) -> list[str]:
    said = []
    for turn in SCOPES:
        known = ValidationScope(slots=turn.context.slots, now=NOW)
        names = {**turn.names(), "value": 1}
        arguments: tuple[Any, ...] = {
            "holds": (turn.context.get_slot("size"), known),
            "required": (turn.context.slots,),
            "test": (turn,),
            "day": (turn,),
            "size": (turn,),
        }.get(key, (names,))
        if one(*arguments) != other(*arguments):
            said.append(f"{one(*arguments)!r} is not {other(*arguments)!r}")
    return said


def test_yaml_and_python_come_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole_code.py").write_text(CODE)
    loaded = load_assistant(definition(tmp_path, YAML))
    size, act = loaded.slots.definitions["size"], loaded.flows["order"].states["run"].run
    assert act
    assert callable(size.extractor)
    assert callable(size.validators[1])

    said = differences(loaded, built(size.validators[1], size.extractor, act), "assistant")

    assert said == [f"assistant.version: {loaded.version!r} is not ''"]


def test_what_differs_is_seen() -> None:
    plain = DialogState(name="x", say="Hi.", assign={"day": lambda turn: turn.now.date()})
    other = DialogState(name="x", say="Hi!", assign={"day": lambda turn: turn.context.get_slot("day")})

    assert [line.partition(":")[0] for line in differences(plain, other, "state")] == [
        "state.say",
        "state.assign.day",
        "state.assign.day",
    ]
    assert differences(context(slots={"at": time(9)}), context(slots={"at": time(9)}), "context") == []


def test_every_key_is_said_in_both(tmp_path: Path) -> None:
    said = keys_in(AssistantModel.model_validate(read_source(definition(tmp_path, YAML)).root))

    assert KEYS - said == set()
