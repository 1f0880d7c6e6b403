"""Scores the typed value readers on `slots_typed.jsonl`, by the rules of the data's README.

Run: `python -m benchmarks.nlu.slots [--errors TYPE] [--half odd|even]`. The data's folder is `PARLEY_DATA`, else
`../shared/data` beside the repository.
"""

import argparse
import json
import math
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from parley_server.core.slots import Candidate, Choice, SlotDefinition, SlotType
from parley_server.nlu.values import Reference, read_slot

Value: TypeAlias = str | float | bool | None

DATA = Path(os.environ.get("PARLEY_DATA", Path(__file__).parents[3] / "shared" / "data"))
ASKED_TAGS = frozenset({"asked", "bare"})
"""A bare message is nothing but a value: it can only be an answer."""
ROUNDS = 5
"""How often each message is read; its time is the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message and the value that it gives for one slot."""

    id: str
    message: str
    definition: SlotDefinition
    reference: Reference
    asked: bool
    expected: Value
    also: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the readers made of a case."""

    case: Case
    predicted: Value
    microseconds: float

    @property
    def right(self) -> bool:
        return same(self.case.definition.type, self.predicted, self.case.expected)

    @property
    def lenient(self) -> bool:
        return self.right or any(same(self.case.definition.type, self.predicted, also) for also in self.case.also)


def load(path: Path) -> list[Case]:
    with path.open(encoding="utf-8") as lines:
        return [case_of(json.loads(line)) for line in lines]


def case_of(row: dict[str, Any]) -> Case:
    slot = row.get("slot") or {"name": row["type"], "description": ""}
    today = date.fromisoformat(row.get("reference_date", "2026-01-05"))
    also = row.get("also", [])
    return Case(
        id=row["id"],
        message=row["message"],
        definition=SlotDefinition(
            name=slot["name"],
            type=SlotType(row["type"]),
            description=slot["description"],
            choices=tuple(Choice(name=name) for name in row.get("choices", ())),
        ),
        reference=Reference(now=datetime.combine(today, clock(12), tzinfo=ZoneInfo("America/New_York"))),
        asked=bool(row["prompt"]) or not ASKED_TAGS.isdisjoint(row["tags"]),
        expected=row["expected"],
        also=tuple(also if isinstance(also, list) else [also]),
    )


def run(case: Case) -> Outcome:
    seconds = []
    found = None
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = read_slot(case.message, case.definition, case.reference, asked=case.asked)
        seconds.append(time.perf_counter() - start)
    value = found.value if isinstance(found, Candidate) else None
    predicted = value.isoformat() if isinstance(value, date | clock) else value
    return Outcome(case=case, predicted=predicted, microseconds=median(seconds) * 1e6)


def same(kind: SlotType, predicted: Value, expected: Value) -> bool:
    """Compares as the data's README says."""
    if predicted is None or expected is None:
        return predicted is expected
    if kind is SlotType.FLOAT:
        return math.isclose(float(predicted), float(expected), rel_tol=1e-4)
    if kind is SlotType.PHONE:
        return national(str(predicted)) == national(str(expected))
    if kind in {SlotType.EMAIL, SlotType.CHOICE}:
        return str(predicted).casefold() == str(expected).casefold()
    return type(predicted) is type(expected) and predicted == expected


def national(phone: str) -> str:
    digits = re.sub(r"\D", "", phone)
    return re.sub(r"^(?:00|0|1)", "", digits)


def share(rights: Iterable[bool]) -> str:
    marks = list(rights)
    return f"{sum(marks)}/{len(marks)} {100 * sum(marks) / len(marks):5.1f} %" if marks else "-"


def table(outcomes: Sequence[Outcome]) -> str:
    by_type: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_type[outcome.case.definition.type].append(outcome)
    by_type["all"] = list(outcomes)
    head = ("type", "right", "with a value", "null", "lenient", "median µs")
    rows = [
        (
            kind,
            share(outcome.right for outcome in group),
            share(outcome.right for outcome in group if outcome.case.expected is not None),
            share(outcome.right for outcome in group if outcome.case.expected is None),
            share(outcome.lenient for outcome in group),
            f"{median(outcome.microseconds for outcome in group):.1f}",
        )
        for kind, group in by_type.items()
    ]
    return "\n".join(f"{row[0]:8}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in (head, *rows))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--errors", metavar="TYPE", choices=[*SlotType], help="list the wrong cases of a type")
    arguments.add_argument("--half", choices=["odd", "even"], help="score every second case of the data alone")
    options = arguments.parse_args()
    cases = load(DATA / "slots_typed.jsonl")
    if options.half:
        cases = cases[options.half == "even" :: 2]
    outcomes = [run(case) for case in cases]
    print(table(outcomes))
    for outcome in outcomes:
        case = outcome.case
        if case.definition.type == options.errors and not outcome.right:
            print(f"{case.id} {case.definition.name} {case.message!r}: {outcome.predicted!r}, not {case.expected!r}")


if __name__ == "__main__":
    main()
