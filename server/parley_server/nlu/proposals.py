"""Proposals: what a model says that a message says, and what is taken of it.

A model proposes, nothing more. Each value passes through the same functions as the user's words, and what the assistant
does not declare is dropped.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from parley_server.core.context import Json
from parley_server.core.slots import Candidate, Rejection, SlotDefinition, SlotType
from parley_server.core.understanding import Answer, Command, IntentExamples, IntentMatch, Situation, Understanding
from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.nlu.values import READERS, Reference, Refusal
from parley_server.nlu.values.words import folded

KINDS: Mapping[SlotType, tuple[str, str]] = {
    SlotType.STRING: ("string", "text"),
    SlotType.INTEGER: ("integer", "whole number"),
    SlotType.FLOAT: ("number", "number"),
    SlotType.BOOLEAN: ("boolean", "true or false"),
    SlotType.DATE: ("string", "date, as YYYY-MM-DD"),
    SlotType.TIME: ("string", "time of day, as HH:MM"),
    SlotType.EMAIL: ("string", "e-mail address"),
    SlotType.PHONE: ("string", "phone number, as written"),
    SlotType.CHOICE: ("string", "one of several"),
}
"""The JSON type of each slot type, and what a model is told of it."""
_SCORE = 0.9
"""How sure the first intent is that a model names."""
_STEP = 0.05
"""How much less sure the next one is: so little that the user is asked which of them was meant."""
_MOST_INTENTS = 3


_LONGEST_VALUE = 4096
"""Characters; what is longer is nobody's answer, and would take long to read."""


class Proposal(msgspec.Struct):
    """What a model says of a message."""

    slots: dict[str, Any] = {}
    intents: list[str] = []
    answer: str | None = None
    command: str | None = None
    correction: bool = False
    mentioned: list[str] = []


_Kind = TypeVar("_Kind", bound=StrEnum)
_decoder = msgspec.json.Decoder(Proposal)


@lru_cache(maxsize=64)
def schema_of(slots: tuple[SlotDefinition, ...], intents: tuple[IntentExamples, ...]) -> Mapping[str, Json]:
    """The JSON Schema of a proposal, as strict as structured output asks for: every key required, no other allowed."""
    names: list[Json] = [intent.name for intent in intents]
    properties: dict[str, Json] = {
        "slots": _object({slot.name: _value(slot) for slot in slots}),
        "intents": {"type": "array", "items": {"type": "string", **({"enum": names} if names else {})}},
        "answer": _nullable([answer.value for answer in Answer]),
        "command": _nullable([command.value for command in Command]),
        "correction": {"type": "boolean"},
        "mentioned": {"type": "array", "items": {"type": "string"}},
    }
    return _object(properties)


def read_proposal(text: str) -> Proposal:
    """Reads what a model wrote.

    Raises:
        ModelUnavailable: It is not of the form that was asked for.
    """
    try:
        return _decoder.decode(text.encode())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ModelUnavailable(ModelFault.GARBLED) from None


def understanding_of(proposal: Proposal, message: str, situation: Situation) -> Understanding:
    """What of a proposal can be taken, in the light of which it was asked for."""
    reference = Reference(now=situation.now, locale=situation.locale)
    slots: dict[str, Candidate] = {}
    rejected: list[Rejection] = []
    for name, given in proposal.slots.items():
        definition = situation.slots.get(name)
        if definition is None or given is None or len(str(given)) > _LONGEST_VALUE:
            continue
        raw, start = _words(given, message, whole=name == situation.requested)
        value = READERS[definition.type].parse(given, definition, reference)
        if isinstance(value, Refusal):
            rejected.append(Rejection(slot=name, reason=value.reason, raw=raw))
        else:
            slots[name] = Candidate(value=value, raw=raw, start=start, score=_SCORE)
    known = {intent.name for intent in situation.intents}
    intents = [name for name in dict.fromkeys(proposal.intents) if name in known][:_MOST_INTENTS]
    return Understanding(
        message=message,
        slots=slots,
        rejected=tuple(rejected),
        mentioned=frozenset(proposal.mentioned) & situation.slots.keys() - slots.keys(),
        intents=tuple(IntentMatch(name=name, score=_SCORE - n * _STEP) for n, name in enumerate(intents)),
        answer=_member(Answer, proposal.answer),
        command=_member(Command, proposal.command),
        correction=proposal.correction,
    )


def _words(given: object, message: str, *, whole: bool) -> tuple[str, int]:
    """The words of a message that a value was read from, as far as they can be found, and where they begin."""
    words = str(given)
    start = folded(message).find(folded(words))
    if start >= 0:
        return message[start : start + len(words)], start
    return (message if whole else words), 0


def _member(kind: type[_Kind], name: str | None) -> _Kind | None:
    try:
        return kind(name) if name else None
    except ValueError:
        return None


def _object(properties: dict[str, Json]) -> dict[str, Json]:
    required: list[Json] = [*properties]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _value(slot: SlotDefinition) -> Json:
    if slot.type is SlotType.CHOICE:
        return _nullable([choice.name for choice in slot.choices])
    return {"type": [KINDS[slot.type][0], "null"]}


def _nullable(names: list[str]) -> Json:
    return {"type": ["string", "null"], "enum": [*names, None]}
