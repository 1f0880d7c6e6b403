"""Scores yes, no and corrections of the understanding by rules on `yesno.jsonl`, by the rules of the data's README.

The data has no schema: a reply is read with the slots of the service that has what it corrects, and what the system
just said is read with them first, as what is known.

Run: `python -m benchmarks.nlu.yesno [--errors] [--half odd|even]`.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.nlu.data import Record, accepts, definition_of, half_of, lines_of, microseconds, noon, text_of
from parley_server.core.slots import SlotDefinition
from parley_server.core.understanding import Answer, Situation, Understanding
from parley_server.nlu.rules import RulesUnderstander

LABELS = {Answer.YES: "confirm", Answer.NO: "deny", None: "other"}
TODAY = "2019-03-01"
"""What the source of the data takes for today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reply and how it was read."""

    case: Record
    situation: Situation
    understanding: Understanding

    @property
    def label(self) -> str:
        return LABELS[self.understanding.answer]

    @property
    def right(self) -> bool:
        expected: str = self.case["expected"]
        return self.label == expected

    @property
    def corrected(self) -> bool:
        wanted: Mapping[str, list[str]] = self.case["corrections"]
        found = self.understanding.slots
        return found.keys() == wanted.keys() and all(accepts(wanted[n], text_of(c.value)) for n, c in found.items())


def services() -> Sequence[Mapping[str, SlotDefinition]]:
    schemas = {d["service"]: {s["name"]: definition_of(s) for s in d["slots"]} for d in lines_of("dialogs_sgd.jsonl")}
    return list(schemas.values())


def slots_of(case: Record, schemas: Iterable[Mapping[str, SlotDefinition]]) -> Mapping[str, SlotDefinition]:
    wanted = (case.get("corrections") or {}).keys()
    return next((schema for schema in schemas if wanted and wanted <= schema.keys()), {})


def run(case: Record, schemas: Sequence[Mapping[str, SlotDefinition]], rules: RulesUnderstander) -> Outcome:
    slots = slots_of(case, schemas)
    said = rules.read(case["system"], Situation(now=noon(TODAY), slots=slots)).slots
    situation = Situation(
        now=noon(TODAY),
        slots=slots,
        filled={name: candidate.value for name, candidate in said.items()},
        confirming=case["system_kind"] != "request",
    )
    return Outcome(case=case, situation=situation, understanding=rules.read(case["user"], situation))


def show(outcomes: Sequence[Outcome]) -> None:
    print(f"accuracy      {sum(o.right for o in outcomes) / len(outcomes):.3f}  of {len(outcomes)}")
    for label, count in sorted(Counter(o.case["expected"] for o in outcomes).items()):
        hits = sum(o.right for o in outcomes if o.case["expected"] == label)
        print(f"recall        {hits / count:.3f}  of {count} {label}")
    corrections = [o for o in outcomes if o.case.get("corrections")]
    print(f"corrections   {sum(o.corrected for o in corrections) / len(corrections):.3f}  of {len(corrections)}")


def show_errors(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        case = outcome.case
        if not outcome.right:
            print(f"{case['expected']} read as {outcome.label}\n   S: {case['system']}\n   U: {case['user']}")
        if case.get("corrections") and not outcome.corrected:
            found = {name: text_of(candidate.value) for name, candidate in outcome.understanding.slots.items()}
            print(f"corrected {found} for {case['corrections']}\n   S: {case['system']}\n   U: {case['user']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="print the replies that went wrong")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all")
    options = parser.parse_args()
    rules, schemas = RulesUnderstander(), services()
    outcomes = [run(case, schemas, rules) for case in half_of(lines_of("yesno.jsonl"), options.half)]
    if options.errors:
        show_errors(outcomes)
    show(outcomes)
    print(f"median time   {microseconds(partial(rules.read, o.case['user'], o.situation) for o in outcomes):.0f} µs")


if __name__ == "__main__":
    main()
