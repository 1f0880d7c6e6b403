"""What the schema refuses hides nothing: other defects are told with it, and none that only follows from it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from support.examples import EXAMPLES, copy_code, places
from support.servers import definition

from parley_server.assistants.checking.check import check_definition
from parley_server.assistants.loading import load_assistant
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.schema_defects import format_keys
from parley_server.assistants.source import read_source
from parley_server.errors import InvalidDefinition

ORDER = """\
assistant: order
slots:
  name: {type: string, prompt: Who?}
  size: {type: choice, choices: [small, large]}
  until: {type: date, default: 2026-12-24}
intents:
  hours: {examples: [when], call: hours}
flows:
  main:
    states:
      ask: {say: "{{ slots.name }}", collect: [name, size, until], next: sure}
      sure: {say: Sure?, on: [{when: confirm, to: end}, {when: deny, to: ask}, {when: 'slots.size == ""', to: ask}]}
      end: {say: Bye.}
sub_conversations:
  hours: {states: {answer: {say: Always.}}}
"""
SLOTS = ORDER.partition("slots:\n")[2].partition("intents:")[0]


def found(folder: Path, *changes: tuple[str, str]) -> list[tuple[int, str]]:
    """The line and place of each defect of a definition with changes in it."""
    text = ORDER
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return [(one.line, one.where) for one in check_definition(definition(folder, text))]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("type: string", "tpye: string", "slots.name.tpye"),
        ("type: string", "type: text", "slots.name.type"),
        ("  name: {type: string, prompt: Who?}", "  name:", "slots.name"),
        ("choices: [", "choises: [", "slots.size.choises"),
        ("choices: [small, large]", "choices: [1, 2]", "slots.size.choices"),
        ("slots:", "slot:", "slot"),
        ("flows:", "flow:", "flow"),
        ("assistant: order", "assistant: an order", "assistant"),
        ("states:\n      ask", "sttes:\n      ask", "flows.main.sttes"),
        ("end: {say: Bye.}", "end: Bye.", "flows.main.states.end"),
        ("when: confirm", "wen: confirm", "flows.main.states.sure.on.0.wen"),
        ("hours: {states: {", "hours: {stats: {", "sub_conversations.hours.stats"),
        (
            "collect: [name, size, until]",
            "collect: [[name]], on: [{when: deny, to: end}]",
            "flows.main.states.ask.collect.0",
        ),
        (SLOTS, "  - {name: name}\n  - {name: size}\n  - until\n", "slots"),
    ],
)
def test_what_is_refused_is_told_alone_and_hides_no_other_defect(
    tmp_path: Path, old: str, new: str, where: str
) -> None:
    other = "texts: {help: '{{ nobody }}'}\n"

    refused = found(tmp_path, (old, new), ("say: Always.}}}\n", "say: Always.}}}\n" + other))

    assert [place for _, place in refused] == [where, "texts.help"]


def test_the_places_behind_an_item_that_is_refused_are_right(tmp_path: Path) -> None:
    changes = (
        ("{when: confirm, to: end}", "{when: confirm, to: [end]}"),
        ("{when: deny, to: ask}", "{when: no, to: ak}"),
    )

    assert found(tmp_path, *changes) == [
        (12, "flows.main.states.sure.on.0.to"),
        (12, "flows.main.states.sure.on.1.when"),
        (12, "flows.main.states.sure.on.1.to"),
    ]


def test_what_is_wrong_by_itself_beside_a_refused_key_is_told(tmp_path: Path) -> None:
    assert found(tmp_path, ("type: date, default: 2026", "type: date, promt: When?, default: 1026-13")) == [
        (5, "slots.until.promt"),
        (5, "slots.until.default"),
    ]


def test_what_may_be_wrong_for_want_of_the_key_that_is_refused_is_not_told(tmp_path: Path) -> None:
    assert found(tmp_path, ("type: date, default:", "type: date, max_attempts: 3, than: skip, default:")) == [
        (5, "slots.until.than")
    ]


def test_a_server_that_loads_it_tells_as_much(tmp_path: Path) -> None:
    file = definition(tmp_path, ORDER.replace("type: string", "tpye: string").replace("next: sure", "next: sre"))

    with pytest.raises(InvalidDefinition) as refused:
        load_assistant(file)

    assert [defect.split(": ")[1] for defect in refused.value.defects] == [
        "slots.name.tpye",
        "flows.main.states.ask.next",
    ]


def misspelt() -> Iterator[Any]:
    """For each key of the format that the examples use, a definition in which it is misspelt once, and where."""
    seen = set[str]()
    for example in EXAMPLES:
        root = read_source(example).root
        for place in places(root):
            key = str(place[-1])
            if key in seen or place[0] == "fallback" or key not in format_keys(AssistantModel, place[:-1]):
                continue
            seen.add(key)
            mutant: Any = deepcopy(root)
            node = mutant
            for step in place[:-1]:
                node = node[step]
            node[f"z_{key}"] = node.pop(key)
            yield pytest.param({**mutant, "fallback": "{{ nobody }}"}, place, id=".".join(map(str, place)))


@pytest.mark.parametrize(("mutant", "place"), [*misspelt()])
def test_a_misspelt_key_is_told_by_itself_and_hides_nothing(
    tmp_path: Path, mutant: object, place: tuple[str | int, ...]
) -> None:
    copy_code(tmp_path)

    findings = check_definition(definition(tmp_path, json.dumps(mutant)))

    # A key that is needed is missing as well, where it is not clear that the other one was meant to be it.
    told = {one.where for one in findings} - {".".join(map(str, place))}
    assert told == {".".join(map(str, (*place[:-1], f"z_{place[-1]}"))), "fallback.say"}
