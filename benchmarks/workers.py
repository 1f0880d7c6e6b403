"""What a second worker brings, with the client and the store counted out."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.figures import Figure, interleaved, ratio
from benchmarks.harness.load import ECHO, HELLO, turns
from benchmarks.harness.processes import Process, parley, redis

_CALLERS = 128


def measure() -> Iterator[Figure]:
    """Two workers and one on the same Redis, a connection for each caller.

    The client, Redis and two workers need more than two cores, so it is counted how many turns the workers could take
    if each had a core: as many as fit into a second of CPU of the busiest of them.
    """
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        echo = folder / "echo.yaml"
        echo.write_text(ECHO)
        url = f"redis://{closing.enter_context(redis(folder / 'redis')).address}"
        one = closing.enter_context(parley(url, assistant=echo))
        two = closing.enter_context(parley(url, "--workers", "2", assistant=echo))
        pair = workers_of(two, 2)
        for server in (one, two):
            turns(server, HELLO, calls=_CALLERS * 4, callers=_CALLERS, channels=_CALLERS)
        found = interleaved({"one": lambda: capacity(one, [one]), "two": lambda: capacity(two, pair)}, 5)
    more = ratio([busiest for busiest, _ in found["two"]], [busiest for busiest, _ in found["one"]])
    measure = "two workers over one, Redis: turns in a second of CPU of the busiest worker"
    how = f"{_CALLERS} connections; shares of the two: {', '.join(shares for _, shares in found['two'])}"
    yield Figure(topic="workers", measure=measure, value=more, at_least=1.6, how=how)


def workers_of(server: Process, count: int) -> list[Process]:
    """The workers of a server, once all have joined."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        # One more process watches over what is shared among those that were spawned.
        found = [child for child in server.children() if child.cpu() > 0.2]
        if len(found) == count:
            return found
        time.sleep(0.1)
    raise RuntimeError(f"there are no {count} workers")


def capacity(server: Process, workers: list[Process], *, callers: int = _CALLERS) -> tuple[float, str]:
    """How many turns fit into a second of CPU of the busiest worker, and the shares of the workers in per cent."""
    before = [worker.cpu() for worker in workers]
    load = turns(server, HELLO * 25, calls=50 * callers, callers=callers, channels=callers)
    used = [worker.cpu() - was for worker, was in zip(workers, before, strict=True)]
    return load.calls / max(used), "/".join(f"{100 * share / sum(used):.0f}" for share in used)
