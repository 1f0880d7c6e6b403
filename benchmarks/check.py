"""How long it takes to check a large assistant."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.figures import Figure
from parley_server.assistants.checking.check import check_definition

_ROUNDS = 5
_STATES = 200


def large_definition(states: int) -> str:
    """A definition whose states each collect a slot, show it, and lead on and back by several ways."""
    slots = "\n".join(f"  slot{i}: {{type: string, prompt: 'What is {i}?'}}" for i in range(states))
    chain = "\n".join(_state(i, states) for i in range(states))
    return f"assistant: large\nslots:\n{slots}\nflows:\n  main:\n    states:\n{chain}\n      end: {{say: Bye}}\n"


def _state(number: int, states: int) -> str:
    following = f"state{number + 1}" if number + 1 < states else "end"
    return f"""\
      state{number}:
        say: "{{% if slots.slot{number} %}}It was {{{{ slots.slot{number} }}}}.{{% endif %}}"
        collect: [slot{number}]
        on:
          - {{when: cancel, to: state{max(number - 1, 0)}}}
          - {{when: 'slots.slot{number} == "skip"', to: {following}, say: Skipped.}}
        next: {following}"""


def measure() -> Iterator[Figure]:
    """The best of a few rounds: nothing else makes a check faster."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(large_definition(_STATES))
        times = [_time_to_check(path) for _ in range(_ROUNDS)]
    measure = f"`parley check` of a definition with {_STATES} states"
    yield Figure(topic="check", measure=measure, value=min(times), unit="s", how=f"{max(times):.2f} s at worst")


def _time_to_check(path: Path) -> float:
    begun = time.perf_counter()
    findings = check_definition(path)
    if findings:
        raise RuntimeError("\n".join(map(str, findings)))
    return time.perf_counter() - begun
