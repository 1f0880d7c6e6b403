"""The path by which a slot may be empty: the shortest one, from where a conversation begins or an intent leads in."""

from pathlib import Path

import pytest
from support.servers import definition

from parley_server.assistants.checking.check import check_definition

SLOTS = "assistant: a\nslots: {name: {type: string}, day: {type: date}}\n"


def empty(folder: Path, rest: str) -> list[str]:
    """What is found of slots that may be empty."""
    messages = [one.message for one in check_definition(definition(folder, SLOTS + rest))]
    return [message for message in messages if "may have no value" in message]


@pytest.mark.parametrize(
    ("states", "path"),
    [
        (
            (
                "ask: {collect: [name, day], next: more}, more: {next: sure}, sure: {on: [{when: confirm, to: end}, "
                "{when: deny, to: end, clear: [day]}]}"
            ),
            "main/ask → main/more → main/sure → main/end",
        ),
        (
            (
                "hello: {on: [{when: deny, to: far}, {when: confirm, to: ask}]}, far: {next: farther}, "
                "farther: {next: end}, ask: {collect: [name], on: [{when: deny, to: end}], next: more}, "
                "more: {collect: [day], next: end}"
            ),
            "main/hello → main/ask → main/end",
        ),
        (
            (
                "ask: {collect: [name, day], next: sure}, sure: {on: [{when: change, to: end}, "
                "{when: confirm, to: good}]}, good: {next: end}"
            ),
            "main/ask → main/sure → main/end",
        ),
        (
            "hello: {call: s, next: end}, ask: {collect: [day], next: end}",
            "main/hello → main/end",
        ),
    ],
)
def test_it_is_told_by_its_states(tmp_path: Path, states: str, path: str) -> None:
    called = "sub_conversations: {s: {states: {t: {collect: [day], on: [{when: deny, to: u}], next: u}, u: {say: U.}}}}"
    flows = f"flows: {{main: {{states: {{{states}, end: {{say: '{{{{ slots.day }}}}'}}}}}}}}\n"

    assert empty(tmp_path, flows + called) == [f"`slots.day` may have no value here, by the path {path}"]


def test_it_may_begin_with_an_intent(tmp_path: Path) -> None:
    flows = (
        "flows:\n  main: {states: {ask: {collect: [name, day], next: end}, end: {say: Bye.}}}\n"
        "  other: {states: {over: {say: '{{ slots.name }}'}}}\n"
        "intents: {x: {examples: [hey], start: other}}\n"
    )

    assert empty(tmp_path, flows) == ["`slots.name` may have no value here, by the path intent x → other/over"]


def test_an_internal_slot_is_not_taken_back_by_its_user(tmp_path: Path) -> None:
    text = """assistant: a
slots: {name: {type: string}, total: {type: integer, internal: true}}
flows:
  main:
    states:
      ask: {collect: [name], set: {total: "1"}, next: sure}
      sure: {say: "{{ slots.total }}?", on: [{when: confirm, to: end}, {when: deny, to: ask}]}
      end: {say: Bye.}
"""

    assert check_definition(definition(tmp_path, text)) == []


def test_a_slot_whose_expression_is_wrong_is_not_empty_as_well(tmp_path: Path) -> None:
    text = """assistant: a
slots: {name: {type: string}, total: {type: integer, internal: true}}
flows:
  main:
    states:
      ask: {collect: [name], next: sum}
      sum: {set: {total: "1 + slots.nmae"}, next: end}
      end: {say: "{{ slots.total }}"}
"""

    assert [one.where for one in check_definition(definition(tmp_path, text))] == ["flows.main.states.sum.set.total"]


def test_of_a_long_one_the_middle_is_counted(tmp_path: Path) -> None:
    chain = "".join(f"s{number}: {{next: s{number + 1}}}, " for number in range(2, 30))
    states = (
        f"s1: {{collect: [day], on: [{{when: deny, to: s2}}], next: s2}}, {chain} s30: {{say: '{{{{ slots.day }}}}'}}"
    )

    (message,) = empty(tmp_path, f"flows: {{main: {{states: {{{states}}}}}}}\n")

    states_told = message.partition("path ")[2].split(" → ")
    assert states_told[:3] == ["main/s1", "main/s2", "21 more"]
    assert states_told[3:] == [f"main/s{number}" for number in range(24, 31)]
