"""Scores single slots on `slots_typed.jsonl`, by the rules of the data's README.

Each message is read as a turn of an assistant with that one slot. Run: `python -m benchmarks.nlu.slots [--errors TYPE]
[--half odd|even]`.
"""

import argparse
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import partial
from typing import TypeAlias

from benchmarks.nlu.data import Record, half_of, lines_of, microseconds, noon
from parley_server.core.slots import Choice, SlotDefinition, SlotType
from parley_server.core.understanding import Situation
from parley_server.nlu.rules import RulesUnderstander

Value: TypeAlias = str | float | bool | None

ASKED_TAGS = frozenset({"asked", "bare"})
"""A bare message is nothing but a value: it can only be an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was made of one message and the value that it gives for one slot."""

    case: Record
    situation: Situation
    predicted: Value

    @property
    def kind(self) -> SlotType:
        return SlotType(self.case["type"])

    @property
    def right(self) -> bool:
        return same(self.kind, self.predicted, self.case["expected"])

    @property
    def lenient(self) -> bool:
        return self.right or any(same(self.kind, self.predicted, other) for other in self.case.get("also", ()))


def run(case: Record, rules: RulesUnderstander) -> Outcome:
    situation = situation_of(case)
    (name,) = situation.slots
    found = rules.read(case["message"], situation).slots.get(name)
    value = found.value if found else None
    predicted = value.isoformat() if isinstance(value, date | time) else value
    return Outcome(case=case, situation=situation, predicted=predicted)


def situation_of(case: Record) -> Situation:
    slot = case.get("slot") or {"name": case["type"], "description": ""}
    definition = SlotDefinition(
        name=slot["name"],
        type=SlotType(case["type"]),
        description=slot["description"],
        choices=tuple(Choice(name=name) for name in case.get("choices", ())),
    )
    asked = bool(case["prompt"]) or not ASKED_TAGS.isdisjoint(case["tags"])
    return Situation(
        now=noon(case.get("reference_date", "2026-01-05")),
        slots={definition.name: definition},
        requested=definition.name if asked else "",
        # As the core says of a boolean that it has asked for.
        confirming=asked and definition.type is SlotType.BOOLEAN,
    )


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


def table(outcomes: Sequence[Outcome], rules: RulesUnderstander) -> str:
    by_type: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_type[outcome.kind].append(outcome)
    by_type["all"] = list(outcomes)
    head = ("type", "right", "with a value", "null", "lenient", "median µs")
    rows = [
        (
            kind,
            share(outcome.right for outcome in group),
            share(outcome.right for outcome in group if outcome.case["expected"] is not None),
            share(outcome.right for outcome in group if outcome.case["expected"] is None),
            share(outcome.lenient for outcome in group),
            f"{microseconds(partial(rules.read, o.case['message'], o.situation) for o in group):.0f}",
        )
        for kind, group in by_type.items()
    ]
    return "\n".join(f"{row[0]:8}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in (head, *rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", metavar="TYPE", choices=[*SlotType], help="print the wrong cases of a type")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all")
    options = parser.parse_args()
    rules = RulesUnderstander()
    outcomes = [run(case, rules) for case in half_of(lines_of("slots_typed.jsonl"), options.half)]
    print(table(outcomes, rules))
    for outcome in outcomes:
        case = outcome.case
        if outcome.kind == options.errors and not outcome.right:
            (name,) = outcome.situation.slots
            print(f"{case['id']} {name} {case['message']!r}: {outcome.predicted!r}, not {case['expected']!r}")


if __name__ == "__main__":
    main()
