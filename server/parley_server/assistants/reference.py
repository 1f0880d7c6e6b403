"""The reference of definitions and test scripts, made of their models: pages for authors, JSON Schemas for editors.

python -m parley_server.assistants.reference DIRECTORY
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel

from parley_server.assistants.rehearsal.script import ScriptModel
from parley_server.assistants.schema import AssistantModel
from parley_server.core.conditions import BUILT_IN

Schema: TypeAlias = Mapping[str, Any]

_TITLES: Mapping[type[BaseModel], str] = {
    AssistantModel: "An assistant of parley",
    ScriptModel: "A test script of parley",
}
_DEFINITION = """# The definition of an assistant

Made from the models that read it; `assistant.schema.json` beside this page lets editors complete and check it. Begin a
file with this line, which has the path from the file to the schema, and an editor with a YAML language server (in VS
Code the extension "YAML") knows the keys:

```yaml
# yaml-language-server: $schema=assistant.schema.json
```

`when` takes a built-in condition ({conditions}), the name of an intent, or a CEL expression over `slots`, `intent`,
`message`, `metadata`, `turn`, `now` and `today`. Templates are Jinja, over the same names and `phase`, `session_id` and
`user_id`, and write a value as people do: `Friday, 6 March 2026`, `15:00`, `yes`. A callable is written
`package.module:function`.

In an expression, a slot without a value is 0, empty or false: `has(slots.date)` asks whether it has one. A float goes
with floats alone (`slots.amount > 10.0`), a date with dates (`slots.date >= today + duration("24h")`), a time is a text
(`slots.time < "18:00"`).
"""


_SCRIPT = """# The test script of an assistant

Made from the models that read it; `script.schema.json` beside this page lets editors complete and check it. Begin a
file with this line, which has the path from the file to the schema, and an editor with a YAML language server (in VS
Code the extension "YAML") knows the keys:

```yaml
# yaml-language-server: $schema=script.schema.json
```

`parley test FILE…` holds the conversations of scripts. What a turn does not name is not compared.
"""


def json_schema(model: type[BaseModel] = AssistantModel) -> dict[str, Any]:
    """The JSON Schema of a file.

    Args:
        model: What reads it.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(by_alias=True, mode="validation"),
        "title": _TITLES[model],
    }


def reference(model: type[BaseModel] = AssistantModel) -> str:
    """The page for authors, in Markdown."""
    schema = json_schema(model)
    conditions = ", ".join(f"`{name}`" for name in BUILT_IN)
    head = _DEFINITION.format(conditions=conditions) if model is AssistantModel else _SCRIPT
    parts = [head, "\n".join(_section("The file", schema, schema["$defs"]))]
    for name, definition in schema["$defs"].items():
        if "properties" in definition:
            parts.append("\n".join(_section(_title(name), definition, schema["$defs"])))
    return "\n".join(parts)


def write(directory: Path) -> None:
    """Writes the pages and the schemas into a directory."""
    directory.mkdir(exist_ok=True)
    for name, model in (("assistant", AssistantModel), ("script", ScriptModel)):
        schema = json.dumps(json_schema(model), indent=2, ensure_ascii=False)
        (directory / f"{name}.schema.json").write_text(f"{schema}\n")
        (directory / f"{name}s.md").write_text(reference(model))


def _section(title: str, definition: Schema, models: Mapping[str, Schema]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{definition.get('description', '')}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    required = definition.get("required", [])
    for key, described in definition["properties"].items():
        default = "required" if key in required else _default(described.get("default"))
        meaning = described.get("description", "").replace("\n", " ").replace("|", "\\|")
        yield f"| `{key}` | {_kind(described, models)} | {default} | {meaning} |"
    yield ""


def _default(value: object) -> str:
    # What is empty, or a table of its own, is no news.
    return (
        f"`{json.dumps(value)}`" if isinstance(value, bool | int | float) or (value and isinstance(value, str)) else ""
    )


def _kind(described: Schema, models: Mapping[str, Schema]) -> str:
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        link = f"[{_title(name)}](#{_title(name).replace(' ', '-')})"
        return link if "properties" in models[name] else _kind(models[name], models)
    for key in ("anyOf", "oneOf"):
        if key in described:
            kinds = [_kind(one, models) for one in described[key] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if described.get("type") == "array":
        return f"list of {_kind(described.get('items', {}), models)}"
    if described.get("type") == "object":
        values = [*described.get("patternProperties", {}).values(), described.get("additionalProperties")]
        return f"each name with a {_kind(values[0], models)}"
    if "enum" in described:
        return ", ".join(f"`{one}`" for one in described["enum"])
    return str(described.get("type", "value of any kind"))


def _title(name: str) -> str:
    return name.removesuffix("Model").lower()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
