"""The public test data, as the service would meet it: definitions, situations, and values that can be compared."""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from parley_server.core.slots import Choice, SlotDefinition, SlotType, SlotValue

DATA = Path(os.environ.get("PARLEY_DATA", Path(__file__).parents[3] / "shared" / "data"))

Record: TypeAlias = Mapping[str, Any]
"""One JSON object of the data; its README says which keys it has."""


def lines_of(name: str) -> list[Record]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def half_of(records: Sequence[Record], half: str) -> Sequence[Record]:
    """Every other record, so that rules can be tuned on one half and checked on the other."""
    return {"all": records, "even": records[::2], "odd": records[1::2]}[half]


def definition_of(slot: Record) -> SlotDefinition:
    kind = SlotType(slot["type"])
    choices = slot.get("choices") or () if kind is SlotType.CHOICE else ()
    return SlotDefinition(
        name=slot["name"],
        type=kind,
        description=slot["description"],
        required=slot["required"],
        choices=tuple(Choice(name=name) for name in choices),
    )


def noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), clock(12), tzinfo=ZoneInfo("America/New_York"))


def text_of(value: SlotValue) -> str:
    """A value as the data writes it."""
    match value:
        case bool():
            return str(value)
        case clock():
            return value.strftime("%H:%M")
        case date():
            return value.isoformat()
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def accepts(acceptable: Iterable[str], text: str) -> bool:
    """Compares as the data's README says: case and outer punctuation do not matter."""
    return _bare(text) in {_bare(other) for other in acceptable}


def _bare(text: str) -> str:
    return text.casefold().strip(" .,;:!?\"'()")


def microseconds(calls: Iterable[Callable[[], object]], rounds: int = 5) -> float:
    """The median time of calls, each made a few times, never twice in a row, and counted with its own median."""
    made = list(calls)
    times = [[_timed(call) for call in made] for _ in range(rounds)]
    return median([median([of_round[place] for of_round in times]) for place in range(len(made))]) * 1e6


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
