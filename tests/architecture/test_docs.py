"""The reference of the definition format says what the models say."""

from pathlib import Path

from parley_server.assistants.reference import json_schema, reference, write

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
