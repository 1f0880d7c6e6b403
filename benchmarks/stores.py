"""What the stores that keep sessions cost beside the one that forgets them."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.group_commit import commits_per_second, store_turns_per_second
from benchmarks.harness.figures import Figure, interleaved, ratio
from benchmarks.harness.load import ECHO, HELLO, Load, turns, warm
from benchmarks.harness.processes import Process, bare, parley, redis, redis_calls
from benchmarks.workers import capacity, workers_of

_CALLS = 3200
_TALK = HELLO * 25
_WORKERS = 4


def measure() -> Iterator[Figure]:
    """Template replies, 64 callers."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        echo = folder / "echo.yaml"
        echo.write_text(ECHO)
        backing = closing.enter_context(redis(folder / "redis"))
        memory = closing.enter_context(parley("memory://", assistant=echo))
        kept = closing.enter_context(parley(f"redis://{backing.address}", assistant=echo))
        files = closing.enter_context(parley(f"file://{folder}/files", assistant=echo))
        database = closing.enter_context(parley(f"sqlite:///{folder}/fast.db", assistant=echo))
        slow = closing.enter_context(
            parley(f"sqlite:///{folder}/slow.db", assistant=echo, module="benchmarks.slow_disk")
        )
        for server in (memory, kept, files, database, slow):
            warm(server)
        yield from _redis(memory, kept, backing)
        yield from _group_commit(slow, closing.enter_context(bare()), folder)
        yield from _plain({"file": files, "SQLite": database})


def _redis(memory: Process, kept: Process, backing: Process) -> Iterator[Figure]:
    before, own = redis_calls(backing), backing.cpu()
    loads = interleaved(
        {
            "memory": lambda: turns(memory, _TALK, calls=_CALLS, callers=64),
            "redis": lambda: turns(kept, _TALK, calls=_CALLS, callers=64),
        },
        5,
    )
    trips = (redis_calls(backing) - before) / sum(load.calls for load in loads["redis"])
    share = (backing.cpu() - own) / sum(load.calls for load in loads["redis"]) * 1e6
    above = ratio([load.server_us for load in loads["redis"]], [load.server_us for load in loads["memory"]])
    how = f"{_median(loads['redis'])}; Redis itself {share:.0f} µs; memory: {_median(loads['memory'])}"
    measure = "Redis, 64 callers: server CPU of a turn over that on memory"
    yield Figure(topic="stores", measure=measure, value=above, at_most=1.4, how=how)
    yield Figure(topic="stores", measure="Redis: round trips of a turn", value=round(trips, 2), at_most=2.0)


def _group_commit(slow: Process, wire_alone: Process, folder: Path) -> Iterator[Figure]:
    numbers = count()
    loads = interleaved(
        {
            "turns": lambda: turns(slow, _TALK, calls=_CALLS, callers=64, channels=4),
            "bare": lambda: turns(wire_alone, HELLO, calls=_CALLS, callers=64, channels=4),
        }
    )
    rates = interleaved(
        {
            "store": lambda: store_turns_per_second(folder / f"store{next(numbers)}.db", sessions=64, seconds=1.5),
            "limit": lambda: commits_per_second(folder / f"limit{next(numbers)}.db", sessions=64, seconds=1.5),
        }
    )
    load, alone = _median(loads["turns"]), _median(loads["bare"])
    limit, store = statistics.median(rates["limit"]), statistics.median(rates["store"])
    measure = "SQLite FULL, 64 sessions, an fsync of 2 ms: turns/s over the raw group-commit limit"
    how = f"{load}; limit {limit:,.0f} commits/s"
    yield Figure(topic="stores", measure=measure, value=load.rate / limit, at_least=0.5, how=how)
    measure = "the same, client counted out: turns a second of server CPU over the limit"
    yield Figure(topic="stores", measure=measure, value=1e6 / load.server_us / limit)
    measure = f"the same of {_WORKERS} workers: turns in a second of CPU of the busiest over the limit"
    carried, shares = _with_workers(folder)
    yield Figure(topic="stores", measure=measure, value=carried / limit, how=f"{carried:,.0f} turns/s; shares {shares}")
    measure = "the same of a server that does nothing: bare grpc.aio calls a second of its CPU over the limit"
    yield Figure(topic="stores", measure=measure, value=1e6 / alone.server_us / limit, how=str(alone))
    measure = "the same of the store alone, without wire and dialog: turns/s over the limit"
    yield Figure(topic="stores", measure=measure, value=store / limit, how=f"{store:,.0f} turns/s")


def _with_workers(folder: Path) -> tuple[float, str]:
    url, options = f"sqlite:///{folder}/workers.db", ("--workers", str(_WORKERS))
    with parley(url, *options, assistant=folder / "echo.yaml", module="benchmarks.slow_disk") as server:
        workers = workers_of(server, _WORKERS)
        turns(server, HELLO, calls=64 * 10, callers=64, channels=64)
        return sorted(capacity(server, workers, callers=64) for _ in range(3))[1]


def _plain(servers: dict[str, Process]) -> Iterator[Figure]:
    for name, server in servers.items():
        load = _median([turns(server, _TALK, calls=_CALLS, callers=64) for _ in range(3)])
        measure = f"{name}, 64 callers, this machine's disk: server CPU of a turn"
        yield Figure(topic="stores", measure=measure, value=load.server_us, unit="µs", how=str(load))


def _median(loads: list[Load]) -> Load:
    return sorted(loads, key=lambda load: load.server_us)[len(loads) // 2]
