"""The reference of the definition format, made of its models: a page for authors and a JSON Schema for their editors.

python -m parley_server.assistants.reference DIRECTORY
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parley_server.assistants.schema import AssistantModel
from parley_server.core.conditions import BUILT_IN

_HEAD = """# The definition of an assistant

Made from the models that read it; `assistant.schema.json` beside this page lets editors complete and check it. Begin a
file with this line, and an editor with a YAML language server knows the keys:

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


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a definition's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **AssistantModel.model_json_schema(by_alias=True, mode="validation"),
        "title": "An assistant of parley",
    }


def reference() -> str:
    """The page for authors, in Markdown."""
    schema = json_schema()
    conditions = ", ".join(f"`{name}`" for name in BUILT_IN)
    parts = [_HEAD.format(conditions=conditions), "\n".join(_section("The file", schema))]
    for name, definition in schema["$defs"].items():
        if "properties" in definition:
            parts.append("\n".join(_section(_title(name), definition)))
    return "\n".join(parts)


def write(directory: Path) -> None:
    """Writes both into a directory."""
    directory.mkdir(exist_ok=True)
    (directory / "assistant.schema.json").write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    (directory / "assistants.md").write_text(reference())


def _section(title: str, definition: dict[str, Any]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{definition.get('description', '')}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    required = definition.get("required", [])
    for key, described in definition["properties"].items():
        default = "required" if key in required else _default(described.get("default"))
        meaning = described.get("description", "").replace("\n", " ").replace("|", "\\|")
        yield f"| `{key}` | {_kind(described)} | {default} | {meaning} |"
    yield ""


def _default(value: object) -> str:
    # What is empty, or a table of its own, is no news.
    return (
        f"`{json.dumps(value)}`" if isinstance(value, bool | int | float) or (value and isinstance(value, str)) else ""
    )


def _kind(described: dict[str, Any]) -> str:
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        return f"[{_title(name)}](#{_title(name).replace(' ', '-')})" if name.endswith("Model") else _choices(name)
    for key in ("anyOf", "oneOf"):
        if key in described:
            kinds = [_kind(one) for one in described[key] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if described.get("type") == "array":
        return f"list of {_kind(described.get('items', {}))}"
    if described.get("type") == "object":
        values = [*described.get("patternProperties", {}).values(), described.get("additionalProperties")]
        return f"each name with a {_kind(values[0])}"
    if "enum" in described:
        return ", ".join(f"`{one}`" for one in described["enum"])
    return str(described.get("type", "any"))


def _choices(name: str) -> str:
    return ", ".join(f"`{one}`" for one in json_schema()["$defs"][name]["enum"])


def _title(name: str) -> str:
    return name.removesuffix("Model").lower()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
