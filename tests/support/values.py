"""Typed values as their readers read them, on Wednesday the 4th of March 2026 at ten in the morning."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from parley_server.core.slots import SlotDefinition, SlotType, SlotValue
from parley_server.nlu.values import READERS, Reference, Refusal

NOW = datetime(2026, 3, 4, 10, tzinfo=ZoneInfo("America/New_York"))


def slot(kind: SlotType, name: str = "value", **fields: Any) -> SlotDefinition:
    """A slot of a type."""
    return SlotDefinition(name=name, type=kind, **fields)


def parsed(words: object, definition: SlotDefinition, *, locale: str = "en-US") -> SlotValue | Refusal:
    """What the reader of the slot's type makes of words that are its value."""
    return READERS[definition.type].parse(words, definition, Reference(now=NOW, locale=locale))


def refusal(words: object, definition: SlotDefinition, *, locale: str = "en-US") -> Refusal:
    """Why the reader of the slot's type refuses words; it must."""
    refused = parsed(words, definition, locale=locale)
    assert isinstance(refused, Refusal), refused
    return refused


def found(message: str, definition: SlotDefinition, *, locale: str = "en-US") -> list[SlotValue]:
    """The values that the reader of the slot's type finds in a message; each must stand where it says."""
    candidates = READERS[definition.type].find(message, definition, Reference(now=NOW, locale=locale))
    for candidate in candidates:
        assert message[candidate.start : candidate.end] == candidate.raw
        assert 0 <= candidate.score <= 1
    return [candidate.value for candidate in candidates]
