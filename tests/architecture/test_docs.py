"""The reference of definitions and of test scripts says what the models say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from pydantic import BaseModel
from support.examples import EXAMPLES, SCRIPTS

from parley_server.assistants.reference import json_schema, reference, write
from parley_server.assistants.rehearsal.script import ScriptModel
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.source import read_source

ROOT = Path(__file__).parents[2]


def test_the_reference_is_not_stale(tmp_path: Path) -> None:
    write(tmp_path)

    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"assistant.schema.json", "assistants.md", "script.schema.json", "scripts.md"}
    for file in tmp_path.iterdir():
        assert file.read_text() == (ROOT / "docs" / file.name).read_text(), "run `make docs`"


@pytest.mark.parametrize("model", [AssistantModel, ScriptModel])
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    schema = json_schema(model)
    models = {"": schema, **{name: model for name, model in schema["$defs"].items() if "properties" in model}}

    silent = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, described in model["properties"].items()
        if not described.get("description")
    ]

    assert silent == []


def test_the_reference_names_every_form_that_the_models_read() -> None:
    rows = reference().splitlines()

    assert any(row.startswith("| `reprompt` | string or list of string or [reprompt](#reprompt) |") for row in rows)
    assert any(row.startswith("| `fallback` | string or [fallback](#fallback) |") for row in rows)


@pytest.fixture(scope="module")
def valid() -> Callable[[object], Any]:
    """What an editor's validator makes of a definition."""
    check: Callable[[object], Any] = fastjsonschema.compile(json_schema())
    return check


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_editors_take_the_examples(valid: Callable[[object], Any], example: Path) -> None:
    valid(read_source(example).root)


@pytest.mark.parametrize(
    "change",
    [
        {"flow": {}},
        {"flows": {}},
        {"slots": {"x": {}}},
        {"slots": {"x": {"type": "text"}}},
        {"slots": {"x": {"type": "date", "promt": "?"}}},
        {"slots": {"x y": {"type": "date"}}},
        {"branches": [{"when": "help"}]},
        {"flows": {"f": {"states": {"s": {"next": [{"when": "x"}]}}}}},
        {"flows": {"f": {"states": {"s": {"on": {"when": "x", "to": "s"}}}}}},
        {"fallback": 5},
    ],
    ids=str,
)
def test_editors_underline_what_is_refused(valid: Callable[[object], Any], change: dict[str, object]) -> None:
    least = {"assistant": "a", "flows": {"f": {"states": {"s": {"say": "Hi."}}}}}
    valid(least)

    with pytest.raises(fastjsonschema.JsonSchemaException):
        valid({**least, **change})


@pytest.fixture(scope="module")
def valid_script() -> Callable[[object], Any]:
    """What an editor's validator makes of a test script."""
    check: Callable[[object], Any] = fastjsonschema.compile(json_schema(ScriptModel))
    return check


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_editors_take_the_scripts_of_the_examples(valid_script: Callable[[object], Any], script: Path) -> None:
    valid_script(read_source(script).root)


def test_editors_take_every_form_of_a_script(valid_script: Callable[[object], Any]) -> None:
    turn = {"user": "x", "contains": "y", "rejected": ["a"], "slots": {"a": None, "b": 1.5}, "metadata": {"x": [{}]}}

    valid_script({"assistant": "a.yaml", "now": "2026-03-04", "conversations": [{"name": "n", "turns": [turn]}]})


@pytest.mark.parametrize(
    "turn", [{}, {"user": 1}, {"user": "x", "reply": ["y"]}, {"user": "x", "phase": "late"}], ids=str
)
def test_editors_underline_what_is_wrong_in_a_script(
    valid_script: Callable[[object], Any], turn: dict[str, object]
) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaException):
        valid_script({"assistant": "a.yaml", "conversations": [{"name": "n", "turns": [turn]}]})
