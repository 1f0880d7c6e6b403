"""What a turn costs beside the bare wire: a grpc.aio server that answers with one message of the same size."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.figures import Figure, interleaved, ratio
from benchmarks.harness.load import BOOKING, ECHO, HELLO, Load, light_turns, turns, warm
from benchmarks.harness.processes import bare, parley

_CALLS = 3000
_LIGHT_CALLS = 6400
"""More of them, since the start of their 16 clients is in the time that they take."""
_ROUNDS = 5


def measure() -> Iterator[Figure]:
    """Template replies and the booking example on the memory store, 16 callers."""
    with ExitStack() as closing:
        echo = Path(closing.enter_context(TemporaryDirectory())) / "echo.yaml"
        echo.write_text(ECHO)
        wire = closing.enter_context(bare())
        template = closing.enter_context(parley("memory://", assistant=echo))
        booking = closing.enter_context(parley("memory://"))
        for server, messages in ((wire, HELLO), (template, HELLO), (booking, BOOKING)):
            warm(server, messages)
        if light_turns(wire, "hello", calls=160):
            loads = interleaved(
                {
                    "bare": lambda: light_turns(wire, "hello", calls=_LIGHT_CALLS),
                    "template": lambda: light_turns(template, "hello", calls=_LIGHT_CALLS),
                },
                _ROUNDS,
            )
            yield from _template([load for load in loads["bare"] if load], [load for load in loads["template"] if load])
        yield from _by_cpu(
            interleaved(
                {
                    "bare": lambda: turns(wire, HELLO, calls=_CALLS),
                    "template": lambda: turns(template, HELLO * 20, calls=_CALLS),
                    "booking": lambda: turns(booking, BOOKING, calls=_CALLS),
                },
                _ROUNDS,
            )
        )


def _template(wire: list[Load], template: list[Load]) -> Iterator[Figure]:
    share = ratio([load.rate for load in template], [load.rate for load in wire])
    measure = "template reply, memory, 16 callers: turns/s over bare grpc.aio calls/s (h2load)"
    yield Figure(
        topic="wire", measure=measure, value=share, at_least=0.5, how=f"{_median(template)}; bare: {_median(wire)}"
    )


def _by_cpu(loads: dict[str, list[Load]]) -> Iterator[Figure]:
    wire = [load.server_us for load in loads["bare"]]
    for name, goal, what in (("template", 0.5, "template reply"), ("booking", 0.3, "booking example with rules")):
        share = ratio(wire, [load.server_us for load in loads[name]])
        measure = f"{what}, memory, 16 callers: CPU of a bare call over that of a turn (client counted out)"
        yield Figure(topic="wire", measure=measure, value=share, at_least=goal, how=_median(loads[name]))


def _median(loads: list[Load]) -> str:
    return str(sorted(loads, key=lambda load: load.server_us)[len(loads) // 2])
