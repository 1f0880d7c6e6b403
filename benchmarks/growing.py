"""Fills a store with sessions and says what that takes: `python -m benchmarks.growing URL FOLDER PID COUNT …`.

For each count it prints a line of JSON. The memory is that of the process PID, which keeps the sessions; 0: this one.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.harness.processes import Process
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore
from parley_server.stores.registry import open_store

_TASKS = 64
_TURNS = 1000
_SNAPSHOT, _RECORD = 450, 360
"""Bytes, as a session of the booking example has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How a store stands when it has so many sessions."""

    sessions: int
    memory: int
    """Bytes."""
    disk: int
    """Bytes."""
    turn_us: float
    """Microseconds that the store takes for opening a session and committing a turn; the median."""


async def stages(url: str, folder: Path, pid: int, counts: list[int]) -> AsyncIterator[Stage]:
    """Fills the store, and looks at each count."""
    keeper = Process(pid or os.getpid(), 0)
    store = await open_store(url, options=StoreOptions(timeout=timedelta(minutes=1)))
    before, filled = keeper.memory(), 0
    try:
        for count in counts:
            await asyncio.gather(*(_fill(store, range(filled + task, count, _TASKS)) for task in range(_TASKS)))
            filled = count
            took = [await _turn(store, random.randrange(count)) for _ in range(_TURNS)]
            yield Stage(
                sessions=count,
                memory=keeper.memory() - before,
                disk=_disk_bytes(folder),
                turn_us=statistics.median(took) * 1e6,
            )
    finally:
        await store.close()


async def _fill(store: StateStore, numbers: range) -> None:
    for number in numbers:
        await _turn(store, number)


async def _turn(store: StateStore, number: int) -> float:
    began = time.perf_counter()
    async with store.open(SessionKey(DEFAULT_TENANT, f"session-{number:08}"), wait=timedelta(seconds=10)) as session:
        await session.commit(
            snapshot=os.urandom(_SNAPSHOT), request_id="", data=os.urandom(_RECORD), expires_in=timedelta(hours=1)
        )
    return time.perf_counter() - began


def _disk_bytes(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


async def main(url: str, folder: str, pid: str, *counts: str) -> None:
    async for stage in stages(url, Path(folder), int(pid), [int(count) for count in counts]):
        print(json.dumps(asdict(stage)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
