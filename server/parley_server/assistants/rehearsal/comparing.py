"""Comparing: what a turn came to with what its script expects."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import time

from parley_server.assistants.rehearsal.script import Literal, TurnModel
from parley_server.core.decision import Decision
from parley_server.core.slots import SlotValue


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that is not as expected."""

    key: str
    """The key of the script."""
    expected: str
    found: str


def compare(turn: TurnModel, decision: Decision) -> Iterator[Mismatch]:
    """All that is not as the script says."""
    yield from _compare_reply(turn, _folded(decision.reply))
    for name, value in turn.slots.items():
        found = decision.context.get_slot(name)
        if not _same(value, found):
            yield Mismatch(f"slots.{name}", _literal(value), _literal(found))
    context = decision.context
    rejected = sorted({rejection.slot for rejection in decision.slots_changed.rejected})
    found_by_key = {
        "state": context.position,
        "phase": context.phase.value,
        "intent": decision.intent,
        "requested": context.requested_slot,
        "rejected": ", ".join(rejected),
        "handoff": context.handoff.reason if context.handoff else "",
    }
    expected = turn.model_dump(include={*found_by_key}, exclude_none=True)
    for key, found_value in found_by_key.items():
        wanted = expected.get(key)
        text = ", ".join(sorted(wanted)) if isinstance(wanted, list) else wanted
        if text is not None and text != found_value:
            yield Mismatch(key, text or "(none)", found_value or "(none)")


def _compare_reply(turn: TurnModel, reply: str) -> Iterator[Mismatch]:
    if turn.reply is not None and _folded(turn.reply) != reply:
        yield Mismatch("reply", _folded(turn.reply), reply)
    for text in turn.contains:
        if _folded(text) not in reply:
            yield Mismatch("contains", _folded(text), reply)
    for text in turn.not_contains:
        if _folded(text) in reply:
            yield Mismatch("not_contains", _folded(text), reply)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _same(expected: Literal | None, found: SlotValue | None) -> bool:
    if isinstance(found, float) and isinstance(expected, int) and not isinstance(expected, bool):
        return expected == found
    if isinstance(found, time) and isinstance(expected, str):
        with suppress(ValueError):
            return time.fromisoformat(expected) == found
    return _literal(expected) == _literal(found)


def _literal(value: SlotValue | None) -> str:
    """A value as a script writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, time):
        return value.isoformat("seconds" if value.second else "minutes")
    return str(value)
