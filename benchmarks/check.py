"""How long it takes to check a large assistant: `python -m benchmarks.check [STATES]`."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from parley_server.assistants.checking.check import check_definition

_ROUNDS = 5


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


def main() -> None:
    states = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(large_definition(states))
        times = [_time_to_check(path) for _ in range(_ROUNDS)]
    print(f"{states} states: {min(times):.2f} s at best, {max(times):.2f} s at worst")


def _time_to_check(path: Path) -> float:
    begun = time.perf_counter()
    findings = check_definition(path)
    if findings:
        raise RuntimeError("\n".join(map(str, findings)))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
