"""Scores the understanding by rules on `dialogs_sgd.jsonl`, by the rules of the data's README.

Each turn is read in the light of the state so far, of the slots that were asked for, and of what the system offered: a
yes to an offer or a confirmation takes its values, as a flow would.

Run: `python -m benchmarks.nlu.dialogs [--errors] [--half odd|even]`.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from benchmarks.nlu.data import Record, accepts, definition_of, half_of, lines_of, microseconds, noon, text_of
from parley_server.core.slots import SlotDefinition, SlotType, SlotValue
from parley_server.core.understanding import Answer, Situation, Understanding
from parley_server.nlu.cascade import leaves_open
from parley_server.nlu.rules import RulesUnderstander
from parley_server.nlu.values import READERS, Reference, Refusal

YES_OR_NO_ACTS = frozenset({"confirm", "offer", "offer_intent", "req_more"})
OFFERS = frozenset({"confirm", "offer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One user turn: what was said, and the state that came of it."""

    turn: Record
    situation: Situation
    understanding: Understanding
    expected: Mapping[str, list[str]]
    predicted: Mapping[str, str]

    @property
    def right(self) -> frozenset[str]:
        return frozenset(n for n, text in self.predicted.items() if accepts(self.expected.get(n, ()), text))

    @property
    def exact(self) -> bool:
        return len(self.right) == len(self.expected) == len(self.predicted)


def play(dialogue: Record, rules: RulesUnderstander) -> Iterator[Outcome]:
    definitions = {slot["name"]: definition_of(slot) for slot in dialogue["slots"]}
    now = noon(dialogue["reference_date"])
    filled: dict[str, SlotValue] = {}
    offered: dict[str, SlotValue] = {}
    for turn in dialogue["turns"]:
        acts = {act["act"] for act in turn["system_acts"]}
        offered = offers_of(turn, definitions, now) if acts & OFFERS else offered
        asked = next((slot for slot in turn["asked_slots"] if slot in definitions), "")
        situation = Situation(
            now=now,
            slots=definitions,
            filled=dict(filled),
            requested=asked,
            confirming=definitions[asked].type is SlotType.BOOLEAN if asked else bool(offered or acts & YES_OR_NO_ACTS),
        )
        understanding = rules.read(turn["user"], situation)
        if understanding.answer is Answer.YES:
            filled.update(offered)
            offered = {}
        filled.update((name, candidate.value) for name, candidate in understanding.slots.items())
        yield Outcome(
            turn=turn,
            situation=situation,
            understanding=understanding,
            expected=turn["state_after"],
            predicted={name: text_of(value) for name, value in filled.items()},
        )


def offers_of(turn: Record, definitions: Mapping[str, SlotDefinition], now: datetime) -> dict[str, SlotValue]:
    reference = Reference(now=now)
    values = {}
    for act in turn["system_acts"]:
        definition = definitions.get(act.get("slot", ""))
        if definition and act["act"] in OFFERS:
            value = READERS[definition.type].parse(act["value"], definition, reference)
            if not isinstance(value, Refusal):
                values[definition.name] = value
    return values


def show(outcomes: list[Outcome]) -> None:
    right = sum(len(outcome.right) for outcome in outcomes)
    predicted = sum(len(outcome.predicted) for outcome in outcomes)
    expected = sum(len(outcome.expected) for outcome in outcomes)
    precision, recall = right / predicted, right / expected
    print(f"user turns            {len(outcomes)}")
    print(f"joint goal accuracy   {sum(outcome.exact for outcome in outcomes) / len(outcomes):.3f}")
    print(f"slot precision        {precision:.3f}")
    print(f"slot recall           {recall:.3f}")
    print(f"slot F1               {2 * precision * recall / (precision + recall):.3f}")


def show_errors(outcomes: list[Outcome]) -> None:
    """Prints the turns at which the state first went wrong in a slot."""
    kinds: Counter[str] = Counter()
    known: set[tuple[str, str]] = set()
    for outcome in outcomes:
        wrong = {}
        for name in sorted(outcome.expected.keys() | outcome.predicted.keys()):
            if name not in outcome.right:
                found = outcome.predicted.get(name)
                kind = "missing" if found is None else "extra" if name not in outcome.expected else "wrong"
                key = (name, f"{found}/{outcome.expected.get(name)}")
                if key not in known:
                    kinds[f"{kind} {outcome.situation.slots[name].type}"] += 1
                    wrong[name] = (kind, found, outcome.expected.get(name))
                known.add(key)
        if wrong:
            print(f"S: {outcome.turn['system']} {outcome.turn['asked_slots']}\nU: {outcome.turn['user']}")
            print(
                *(f"   {kind:8} {name}: {found!r} for {wanted}" for name, (kind, found, wanted) in wrong.items()),
                sep="\n",
            )
    print(*(f"{count:4} {kind}" for kind, count in kinds.most_common()), sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="print the turns that went wrong")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all")
    options = parser.parse_args()
    rules = RulesUnderstander()
    outcomes = []
    for dialogue in half_of(lines_of("dialogs_sgd.jsonl"), options.half):
        played = list(play(dialogue, rules))
        if options.errors:
            show_errors(played)
        outcomes += played
    show(outcomes)
    opened = sum(leaves_open(outcome.understanding, outcome.situation) for outcome in outcomes)
    print(f"turns for a model     {opened / len(outcomes):.3f} (what a cascade would ask it about)")
    calls = [partial(rules.read, outcome.turn["user"], outcome.situation) for outcome in outcomes]
    print(f"median time           {microseconds(calls):.0f} µs")


if __name__ == "__main__":
    main()
