"""Scores the intent classifier on `intents_clinc.json` and `intents_snips.json`, by the rules of the data's README.

Also with fewer examples than the data has, as authors write them. Run: `python -m benchmarks.nlu.intents [--errors]`.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.nlu.data import DATA, Record, microseconds
from parley_server.core.understanding import IntentExamples
from parley_server.nlu.intents import IntentClassifier

CLOSE = 0.1
"""Scores that differ by less do not tell the core which intent was meant."""


def load(name: str) -> Record:
    data: Record = json.loads((DATA / f"intents_{name}.json").read_text(encoding="utf-8"))
    return data


def learn(train: Mapping[str, Sequence[str]], examples: int) -> IntentClassifier:
    return IntentClassifier([IntentExamples(name=n, examples=tuple(texts[:examples])) for n, texts in train.items()])


def recognised(classifier: IntentClassifier, message: str) -> str:
    """The intent with rejection on; empty: none."""
    matches = classifier.match(message)
    return matches[0].name if matches else ""


def stands_out(classifier: IntentClassifier, message: str) -> bool:
    """Whether no other intent is so near to the surest that the core would ask which was meant."""
    first, *others = classifier.match(message)
    return all(first.score - other.score >= CLOSE for other in others)


def share(hits: Sequence[bool]) -> str:
    return f"{sum(hits) / len(hits):.3f}" if hits else "    -"


def show(name: str, examples: int, *, errors: bool) -> None:
    data = load(name)
    start = time.perf_counter()
    classifier = learn(data["train"], examples)
    learnt = time.perf_counter() - start
    test = [(text, intent, classifier.nearest(text), recognised(classifier, text)) for text, intent in data["test"]]
    strange = [(text, recognised(classifier, text)) for text in data["oos_test"]]
    if errors:
        for text, intent, nearest, found in test:
            if intent not in {nearest, found}:
                print(f"   {intent} read as {found or 'none'}, nearest {nearest or 'none'}: {text}")
        for text, found in strange:
            if found:
                print(f"   no intent read as {found}: {text}")
    print(
        f"{name:6} {examples:8}  {share([intent == nearest for _, intent, nearest, _ in test])}"
        f"     {share([intent == found for _, intent, _, found in test])}"
        f"       {share([not found for _, _, _, found in test])}"
        f"     {share([not found for _, found in strange])}"
        f"       {share([not stands_out(classifier, text) for text, intent, _, found in test if intent == found])}"
        f"      {learnt * 1000:4.0f} ms {microseconds(partial(classifier.match, text) for text, *_ in test):4.0f} µs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="print the messages that went wrong")
    options = parser.parse_args()
    print("data   examples  accuracy  with rejection  rejected  oos recall  right, unclear  learning  match")
    for name in ("clinc", "snips"):
        for examples in (3, 5, 20):
            show(name, examples, errors=options.errors and examples == 20)


if __name__ == "__main__":
    main()
