"""The reference of the definition format says what the models say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from support.examples import EXAMPLES

from parley_server.assistants.reference import json_schema, reference, write
from parley_server.assistants.source import read_source

ROOT = Path(__file__).parents[2]


def test_the_reference_is_not_stale(tmp_path: Path) -> None:
    write(tmp_path)

    for file in tmp_path.iterdir():
        assert file.read_text() == (ROOT / "docs" / file.name).read_text(), "run `make docs`"


def test_every_key_is_explained() -> None:
    schema = json_schema()
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
