"""Building plain data out of the events of a YAML parser, and remembering where each part of it stands.

The words of YAML 1.2's core schema are told apart here; the parser only knows which of them stand in quotes. This
module must not know definitions.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.constructor import ConstructorError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

MAX_DEPTH = 50
"""How deep mappings and lists may be nested."""

Node: TypeAlias = "dict[str, Node] | list[Node] | str | bool | int | float | None"
Place: TypeAlias = tuple[int, int]
"""A line and a column, from 0."""

# Where libyaml is missing, the same events come from Python, slowly.
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "<<"
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS: Mapping[re.Pattern[str], Callable[[str], int | float]] = {
    re.compile(r"[-+]?[0-9]+"): int,
    re.compile(r"0o[0-7]+"): lambda word: int(word[2:], 8),
    re.compile(r"0x[0-9a-fA-F]+"): lambda word: int(word[2:], 16),
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"): float,
    re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"): lambda word: float(word.replace(".", "")),
}


@dataclass(slots=True)
class Built:
    """What was built."""

    root: Node = None
    places: dict[int, Mapping[str | int, Place]] = field(default_factory=dict)
    """Where the keys or items of each mapping and list stand, by its identity."""


def build(data: bytes) -> Built:
    """Builds the one document of a text.

    Raises:
        MarkedYAMLError: The text is no YAML, or has what is not taken, and where.
        YAMLError: The bytes are no text.
        ValueError: A number has too many digits.
    """
    return _Builder(data).document()


class _Builder:
    def __init__(self, data: bytes) -> None:
        self._parser: Any = _PARSER(data)
        self._built = Built()
        self._anchors: dict[str, Node] = {}
        self._depth = 0

    def document(self) -> Built:
        self._next()  # The stream begins.
        if isinstance(event := self._next(), DocumentStartEvent):
            self._built.root = self._node(self._next())
            event = self._next() if isinstance(self._next(), DocumentEndEvent) else event
            if not isinstance(event, StreamEndEvent):
                raise _refusal("another document begins: a file holds one", event)
        return self._built

    def _next(self) -> Event:
        event: Event = self._parser.get_event()
        return event

    def _node(self, event: Event) -> Node:
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise _refusal(f"found undefined alias `*{event.anchor}`", event)
            return self._anchors[event.anchor]
        tag, anchor = getattr(event, "tag", None), getattr(event, "anchor", None)
        if tag:
            raise _refusal(f"a tag, `{tag}`: only plain values are taken", event)
        node = self._scalar(event) if isinstance(event, ScalarEvent) else self._collection(event)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _scalar(self, event: ScalarEvent) -> Node:
        if not event.implicit[0] or event.style not in (None, ""):
            return event.value
        if event.value in _WORDS:
            return _WORDS[event.value]
        for pattern, read in _NUMBERS.items():
            if pattern.fullmatch(event.value):
                return read(event.value)
        return event.value

    def _collection(self, event: Event) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refusal(f"nested more than {MAX_DEPTH} deep", event)
        node: Node = self._mapping() if isinstance(event, MappingStartEvent) else self._sequence()
        self._depth -= 1
        return node

    def _sequence(self) -> list[Node]:
        items: list[Node] = []
        places: dict[str | int, Place] = {}
        while not isinstance(event := self._next(), SequenceEndEvent):
            places[len(items)] = _place(event)
            items.append(self._node(event))
        self._built.places[id(items)] = places
        return items

    def _mapping(self) -> dict[str, Node]:
        mapping: dict[str, Node] = {}
        places: dict[str | int, Place] = {}
        merged: dict[str, Node] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = _key(event)
            if key in places:
                raise _refusal(f"the key `{key}` stands twice in one mapping", event)
            places[key] = _place(event)
            value = self._node(self._next())
            if key == _MERGE:
                merged = _merged(value, event)
            else:
                mapping[key] = value
        if merged:
            mapping = {**merged, **mapping}
        self._built.places[id(mapping)] = places
        return mapping


def _key(event: Event) -> str:
    if isinstance(event, ScalarEvent) and not event.tag:
        return event.value
    raise _refusal("a key is a text: a template such as {{ slots.name }} stands in quotes", event)


def _merged(value: Node, event: Event) -> dict[str, Node]:
    """What a merge key brings in; of several mappings the first one counts most."""
    merged: dict[str, Node] = {}
    for mapping in reversed(value if isinstance(value, list) else [value]):
        if not isinstance(mapping, dict):
            raise _refusal("`<<` takes a mapping or several", event)
        merged |= mapping
    return merged


def _place(event: Event) -> Place:
    mark = event.start_mark
    return (mark.line, mark.column) if mark else (0, 0)


def _refusal(problem: str, event: Event) -> ConstructorError:
    mark: Any = event.start_mark
    return ConstructorError(None, None, problem, mark)
