"""What a schema refuses, in words that tell an author what to write instead."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Schema: TypeAlias = Mapping[str, Any]

_WORDS: Mapping[str, str] = {
    "missing": "this key is needed",
    "string_type": "this is to be a text: put it in quotes",
    "list_type": "this is to be a list: write [one, two], or a line that begins with `- ` for each",
    "dict_type": "this is to be a mapping: keys with values",
    "model_type": "this is to be a mapping: keys with values",
    "bool_parsing": "this is to be true or false",
    "bool_type": "this is to be true or false",
    "int_parsing": "this is to be a whole number",
    "int_type": "this is to be a whole number",
    "greater_than_equal": "this is to be 0 or more",
    "too_short": "at least one is needed here",
    "string_pattern_mismatch": "letters, digits and _ make a name, and a letter is first",
    "string_too_long": "this is too long",
    "union_tag_invalid": "this is to be a mapping or the name of a callable",
}
"""By the type of pydantic's error. What is not here keeps its words."""

_OTHER_FILES: Mapping[str, str] = {
    "conversations": "this is a script of conversations, which `parley test` holds; a definition has `flows`",
    "flows": "this is a definition, which `parley check` reads; a script has `conversations`",
}
"""The keys by which a file is known that was given to the wrong command."""


def closest(name: str, names: Collection[str]) -> str:
    """A question after the name that was probably meant; empty: none is near."""
    found = _nearest(name, names)
    return f": did you mean `{found}`?" if found else ""


def schema_defects(error: ValidationError, model: type[BaseModel]) -> list[tuple[tuple[str | int, ...], str]]:
    """The places that a model refuses, and what is wrong there.

    Args:
        error: What was raised.
        model: What was to be read.
    """
    mistaken = {found["loc"] for found in error.errors() if found["type"] == "extra_forbidden"}
    for key, advice in _OTHER_FILES.items():
        if (key,) in mistaken:
            return [((key,), advice)]
    meant = {(*place[:-1], _meant(place, model)) for place in mistaken}
    # A key that is misspelt is not missing as well.
    found_wrong = [found for found in error.errors() if found["type"] != "missing" or found["loc"] not in meant]
    return [(found["loc"], _words(found, model)) for found in found_wrong]


def format_keys(model: type[BaseModel], place: Sequence[str | int] | None = None) -> frozenset[str]:
    """The keys that a format has at a place; None: that it has at any."""
    root = _schema(model)
    if place is not None:
        return frozenset(_keys(root, place))
    return frozenset(key for schema in (root, *root["$defs"].values()) for key in schema.get("properties", {}))


def _nearest(name: str, names: Collection[str]) -> str:
    begun = [each for each in names if len(name) > 1 and each.startswith(name)]  # `int` for `integer`
    return next(iter([*get_close_matches(name, names, n=1, cutoff=0.7), *begun]), "")


def _meant(place: Sequence[str | int], model: type[BaseModel]) -> str:
    """The key that was probably meant at a place that has none of the format's."""
    return _nearest(str(place[-1]), format_keys(model, place[:-1]))


def _words(found: ErrorDetails, model: type[BaseModel]) -> str:
    kind, place = found["type"], found["loc"]
    if kind == "extra_forbidden":
        keys = format_keys(model, place[:-1])
        hint = closest(str(place[-1]), keys) or f": it is one of {', '.join(sorted(keys))}"
        return f"there is no such key{hint}"
    if kind in ("enum", "literal_error"):
        expected = found.get("ctx", {}).get("expected", "")
        names = re.findall(r"'([^']*)'", expected)
        hint = closest(str(found["input"]), names)
        return f"this is to be one of {', '.join(names)}{hint}"
    if place[-1] == "locale" and kind == "string_pattern_mismatch":
        return "this is to be a language and a region, such as en-US"
    return _WORDS.get(kind) or found["msg"].removeprefix("Value error, ")


@cache
def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True)


def _keys(root: Schema, place: Sequence[str | int]) -> set[str]:
    """The keys that a mapping may have."""
    reached = [root]
    for step in place:
        inner = [schema for one in reached for schema in _inner(root, one, step)]
        reached = inner or reached  # A step that is none in the file is pydantic's word for a kind of value.
    return {key for one in reached for schema in _unfolded(root, one) for key in schema.get("properties", {})}


def _inner(root: Schema, schema: Schema, step: str | int) -> Iterator[Schema]:
    for one in _unfolded(root, schema):
        if step in one.get("properties", {}):
            yield one["properties"][step]
        elif isinstance(step, int) and "items" in one:
            yield one["items"]
        else:
            values = [*one.get("patternProperties", {}).values(), one.get("additionalProperties")]
            yield from (value for value in values if isinstance(value, dict))


def _unfolded(root: Schema, schema: Schema) -> Iterator[Schema]:
    """What a schema comes to: what it refers to, and each of what it may be."""
    if "$ref" in schema:
        yield from _unfolded(root, root["$defs"][schema["$ref"].rpartition("/")[2]])
        return
    yield schema
    for key in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(key, ()):
            yield from _unfolded(root, one)
