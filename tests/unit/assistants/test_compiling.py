"""Compiling: slots, code and versions of an assistant as its definition says them."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.conversations import NOW, scope, settle, understood
from support.servers import definition

from parley_server.assistants.loading import load_assistant
from parley_server.core.assistant import Assistant
from parley_server.core.slots import SlotDefinition, ValidationScope
from parley_server.core.understanding import IntentMatch

Load = Callable[[str], Assistant]
KNOWN = ValidationScope(slots={}, now=NOW)


@pytest.fixture
def code(tmp_path: Path) -> None:
    """An author's module beside the definition."""
    (tmp_path / "authors_code.py").write_text(
        "def even(value, known):\n    return 'It takes an even number.' if value % 2 else None\n"
        "def code_in(message):\n    return message.partition('#')[2] or None\n"
    )


def slot(load: Load, text: str) -> SlotDefinition:
    return load(f"slots: {{x: {text}}}\n").slots.definitions["x"]


def reasons(load: Load, rules: str, numbers: Sequence[int]) -> list[str | None]:
    filler = load(f"slots: {{x: {{type: integer, validate: {rules}}}}}\n").slots
    return [settle(filler.validate("x", number, KNOWN)) for number in numbers]


@pytest.mark.usefixtures("code")
def test_a_validator_can_be_code(load: Load) -> None:
    assert reasons(load, "'authors_code:even'", (2, 3)) == [None, "It takes an even number."]


@pytest.mark.usefixtures("code")
def test_of_several_validators_the_first_that_refuses_says_why(load: Load) -> None:
    rules = "[{check: value > 0, reason: Too small.}, 'authors_code:even', {check: value < 9, reason: Too large.}]"

    said = reasons(load, rules, (-1, 3, 11, 10, 4))
    assert said == ["Too small.", "It takes an even number.", "It takes an even number.", "Too large.", None]


def test_the_reason_of_a_check_is_a_template_that_sees_the_value(load: Load) -> None:
    assert reasons(load, "{check: value < 9, reason: '{{ value }} is too much today, {{ today }}.'}", [9]) == [
        "9 is too much today, Wednesday, 4 March 2026."
    ]


@pytest.mark.usefixtures("code")
def test_an_extractor_is_a_pattern_or_code(load: Load) -> None:
    pattern = slot(load, "{type: string, extract: '#(?P<value>.+)'}").extractor
    code = slot(load, "{type: string, extract: 'authors_code:code_in'}").extractor

    assert pattern == re.compile("#(?P<value>.+)")
    assert callable(code)
    assert code("order #42") == "42"


def test_choices_are_names_or_names_with_synonyms(load: Load) -> None:
    plain = slot(load, "{type: choice, choices: [tea, coffee]}").choices
    rich = slot(load, "{type: choice, choices: {tea: [chai, brew], coffee: []}}").choices

    assert [(choice.name, choice.synonyms) for choice in plain] == [("tea", ()), ("coffee", ())]
    assert [(choice.name, choice.synonyms) for choice in rich] == [("tea", ("chai", "brew")), ("coffee", ())]


def test_a_condition_is_built_in_an_intent_or_an_expression(load: Load) -> None:
    conditions = ["help", "booking", "turn == 1", "turn == 2"]
    lines = [f"  - {{name: b{number}, when: {when}}}\n" for number, when in enumerate(conditions)]
    branches = load("intents: {booking: {}}\nbranches:\n" + "".join(lines)).branches.branches
    turn = scope(understood(intents=(IntentMatch(name="booking", score=0.9),)))

    assert [(branch.condition.name, branch.condition(turn)) for branch in branches] == [
        ("help", False),
        ("booking", True),
        ("turn == 1", True),
        ("turn == 2", False),
    ]


WHOLE = "assistant: a\nversion: '1'\nslots: {x: {type: string, prompt: X?}}\nflows: {f: {states: {s: {}, t: {}}}}\n"


def version(folder: Path, text: str) -> str:
    return load_assistant(definition(folder, text)).version


@pytest.mark.parametrize(
    "same",
    [
        "# A comment.\n" + WHOLE,
        WHOLE.replace("version: '1'\n", "") + 'version: "1"  # moved\n',
        WHOLE.replace("{type: string, prompt: X?}", "{prompt: X?, type: string}"),
        WHOLE.replace("slots: {x: {type: string, prompt: X?}}", "slots:\n  x:\n    type: string\n    prompt: 'X?'"),
        WHOLE.replace("prompt: X?", "prompt: X?, required: true"),
    ],
    ids=["comment", "order", "order-in-a-slot", "layout", "default-said"],
)
def test_the_version_is_the_same_for_the_same_content(tmp_path: Path, same: str) -> None:
    assert version(tmp_path, same) == version(tmp_path, WHOLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("X?", "Y?"), ("string", "date"), ("'1'", "'2'"), ("{s: {}, t: {}}", "{t: {}, s: {}}"), ("t: {}", "u: {}")],
)
def test_the_version_changes_with_the_content(tmp_path: Path, old: str, new: str) -> None:
    assert version(tmp_path, WHOLE.replace(old, new)) != version(tmp_path, WHOLE)
