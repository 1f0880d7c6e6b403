"""Files: what is no definition is refused in a line, whatever it is, and nothing in a file is ever run."""

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from parley_server.assistants.loading import load_assistant
from parley_server.assistants.source import MAX_BYTES
from parley_server.assistants.yaml_events import build
from parley_server.core.assistant import Assistant
from parley_server.core.slots import Choice
from parley_server.errors import InvalidDefinition
from parley_server.settings import booking_example

Defects = Callable[[str | bytes], list[str]]
Load = Callable[[str], Assistant]

STATES = "flows: {main: {states: {start: {say: Hi.}}}}\n"


def test_the_booking_example_loads() -> None:
    assistant = load_assistant(booking_example())

    assert (assistant.name, assistant.initial_flow) == ("booking", "booking")
    assert list(assistant.slots.definitions) == ["service", "date", "time", "name", "email"]
    assert set(assistant.machines) == {"booking", "opening_hours"}


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("", "not a mapping"),
        ("just words", "not a mapping"),
        ("- assistant: a\n", "not a mapping"),
        ("assistant: a\nassistant: b\n" + STATES, "2:1: the key `assistant` stands twice in one mapping"),
        ("assistant: a\n" + STATES + "slots:\n  x: {type: string, type: date}\n", "4:21: the key `type` stands twice"),
        ("assistant: [a\n", "2:1: did not find expected ',' or ']': is every bracket closed"),
        ("assistant: a\n\tflows: {}\n", "2:1: found a tab character that violates indentation: indent by spaces"),
        ("a:\n  say: Note: it is late\n", "2:12: mapping values are not allowed in this context: a text with a colon"),
        ("a:\n  say: @home\n", "2:8: found character that cannot start any token: a text that begins so stands in"),
        ("a:\n  say: {{ slots.x }}\n", "2:9: a key is a text: a template such as {{ slots.name }} stands in quotes"),
        ("a: 'it is\n", "2:1: found unexpected end of stream: a quote that opens here is never closed"),
        ("a:\n  b: 1\n c: 2\n", "3:2: did not find expected key: is the line indented as its neighbours are"),
        ("a: " + "9" * 5000, "can not be read: Exceeds the limit"),
        ("assistant: *nobody\n", "1:12: found undefined alias"),
        ("assistant: a\n" + STATES + "---\nassistant: b\n", "3:1: another document begins"),
        (b"assistant: \xff\xfe\n", "can not be read: unacceptable character"),
        (b"assistant: a\x00\n", "can not be read: unacceptable character"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value.splitlines()[-1:],
)
def test_what_is_no_definition_is_refused_at_its_place(defects: Defects, text: str | bytes, defect: str) -> None:
    found = defects(text)

    assert len(found) == 1
    assert found[0].startswith(defect)


def test_a_file_that_can_not_be_read_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match=r"missing\.yaml: can not be read: No such file") as caught:
        load_assistant(tmp_path / "missing.yaml")

    assert len(caught.value.defects) == 1
    with pytest.raises(InvalidDefinition, match="can not be read: Is a directory"):
        load_assistant(tmp_path)


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "assistant.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(InvalidDefinition, match=f"larger than {MAX_BYTES} bytes"):
        load_assistant(path)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("~", None), ("null", None), ("", None), ("true", True), ("False", False), ("yes", "yes"), ("off", "off"),
        ("12", 12), ("-3", -3), ("+5", 5), ("0o17", 15), ("0x1F", 31), ("012", 12), ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.5", 1.5), ("-.5", -0.5), ("2e3", 2000.0), (".inf", math.inf), ("-.INF", -math.inf), ("1.2.3", "1.2.3"),
        ("2026-03-04", "2026-03-04"), ("'12'", "12"), ('"true"', "true"), ("|\n  12", "12"), ("0b1", "0b1"),
    ],
)  # fmt: skip
def test_a_word_means_what_yaml_1_2_says(word: str, value: object) -> None:
    found = build(f"key: {word}".encode()).root

    assert isinstance(found, dict)
    assert (found["key"], type(found["key"])) == (value, type(value))


def test_a_key_is_a_text_whatever_it_looks_like(load: Load) -> None:
    assistant = load("slots: {seats: {type: choice, choices: {1: [one], true: [yes], null: []}}}\n")

    assert [choice.name for choice in assistant.slots.definitions["seats"].choices] == ["1", "true", "null"]


def test_yaml_is_read_as_version_1_2_so_that_no_is_a_word(load: Load) -> None:
    assistant = load("slots: {sure: {type: choice, choices: [no, yes, on, off]}}\n")

    choices = assistant.slots.definitions["sure"].choices
    assert choices == (Choice(name="no"), Choice(name="yes"), Choice(name="on"), Choice(name="off"))


def test_a_date_is_a_word_even_where_it_is_none(load: Load) -> None:
    assistant = load("version: 2026-99-99\nslots: {day: {type: date, default: 2026-12-24}}\n")

    assert assistant.slots.definitions["day"].default == date(2026, 12, 24)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [{path!r}]",
        "!!python/object/new:pathlib.Path [{path!r}]",
        "!!python/name:os.system",
        "!!python/module:this",
        "!custom {{a: b}}",
        "!!set {{a, b}}",
        "!!omap [a: 1]",
        "!!int x",
        "!!bool x",
    ],
)
def test_a_tag_constructs_nothing(defects: Defects, tmp_path: Path, tag: str) -> None:
    touched = tmp_path / "touched"

    found = defects("assistant: a\n" + STATES + "fallback: " + tag.format(path=str(touched)) + "\n")

    assert len(found) >= 1
    assert not touched.exists()


def test_a_bomb_of_aliases_is_refused_without_being_unfolded(defects: Defects) -> None:
    levels = [f"  - &l{depth} [{', '.join([f'*l{depth - 1}'] * 9)}]\n" for depth in range(1, 40)]

    found = defects("assistant: a\n" + STATES + "bomb:\n  - &l0 [x]\n" + "".join(levels))

    assert [defect.partition(": it is one of")[0] for defect in found] == ["3:1: bomb: there is no such key"]


@pytest.mark.parametrize("text", ["flows: &all\n  main: *all\n", "flows: &all\n  <<: *all\n", "flows: " + "[" * 1000])
def test_nesting_without_end_is_refused(defects: Defects, text: str) -> None:
    assert defects("assistant: a\n" + text)


def test_what_a_merge_key_brings_in_is_reported_where_it_is_merged(defects: Defects) -> None:
    text = "slots:\n  a: &a {type: string, prompt: '{{ nobody }}'}\n  b:\n    <<: *a\n    required: false\n"

    assert [defect.partition(": the")[0] for defect in defects("assistant: a\n" + STATES + text)] == [
        "4:24: slots.a.prompt",
        "5:3: slots.b.prompt",
    ]
