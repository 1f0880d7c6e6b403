"""Children that take turns on a failing disk until it ends them, and what becomes of their stores afterwards.

`python -m support.faults_crashes SCHEME FOLDER FAULT,FAULT… FIRST STEP TURNS BALLAST` prints a line of JSON for each
point at which a child was ended. It forks, so it must not have threads itself.
"""

import asyncio
import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from support.faults_checker import violations
from support.faults_core import core
from support.faults_disk import KILLED, Disk, Fault
from support.faults_record import Answer, Call, Kept, Line, Outcome, Recorder
from support.faults_scale import ON_DISK

from parley_server.stores.registry import open_store

_SESSIONS = ("s0", "s1")

Tell: TypeAlias = Callable[[object], None]


@dataclass(slots=True)
class _Told:
    """What a child told."""

    begun: list[Call] = field(default_factory=list)
    """The calls that were made, as if nothing more were known of them."""
    calls: list[Call] = field(default_factory=list)
    """Those whose end it lived to see."""
    kept: dict[str, Kept] = field(default_factory=dict)

    def known(self) -> list[Call]:
        """All calls; those whose end is not known, as unknown."""
        ended = {(call.session, call.request_id) for call in self.calls}
        return [*self.calls, *(call for call in self.begun if (call.session, call.request_id) not in ended)]


@dataclass(frozen=True, slots=True)
class _Talk:
    """What is said in each session."""

    turns: int
    ballast: int
    """How many bytes each session keeps besides."""


def crash_everywhere(scheme: str, folder: Path, fault: Fault, points: Iterable[int], talk: _Talk) -> None:
    """Ends a child at each point, until one comes through."""
    for point in points:
        place = folder / fault.value / str(point)
        place.mkdir(parents=True)
        url = ON_DISK[scheme].format(folder=place)
        disk = Disk(place, fault, point)
        status, first = _in_child(partial(_talk_on, disk, talk, url))
        if status not in (0, KILLED):
            raise SystemExit(f"point {point}: the child ended with {status}")
        later_status, later = _in_child(partial(_come_back, url))
        found = [str(violation) for violation in violations(first.known(), later.kept)]
        again_status, again = _in_child(partial(_talk, talk, url))
        found += [str(violation) for violation in violations([*first.known(), *again.calls], again.kept)]
        found += [f"{call}" for call in again.calls if call.outcome is not Outcome.OK]
        if later_status or again_status:
            found.append("the store can not be used again")
        answered = sum(call.outcome is Outcome.OK for call in first.calls)
        result = {"fault": fault.value, "point": point, "answered": answered, "found": found}
        print(json.dumps(result), flush=True)  # noqa: T201
        if status == 0:
            return


async def _talk_on(disk: Disk, talk: _Talk, url: str, tell: Tell) -> None:
    with disk.inserted():
        await _talk(talk, url, tell)


async def _talk(talk: _Talk, url: str, tell: Tell) -> None:
    """Says everything in all sessions at once, then reads them."""
    store = await open_store(url)
    recorder = Recorder()
    async with core(store) as server:
        line = _telling(server.line(ballast="x" * talk.ballast), tell)

        async def converse(session: str) -> None:
            for number in range(talk.turns):
                tell(await recorder.say(line, session, f"r{number}"))

        await asyncio.gather(*map(converse, _SESSIONS))
        for session in _SESSIONS:
            tell((session, await server.kept(session)))
    await store.close()


async def _come_back(url: str, tell: Tell) -> None:
    """Reads all sessions."""
    store = await open_store(url)
    async with core(store) as server:
        for session in _SESSIONS:
            tell((session, await server.kept(session)))
    await store.close()


def _telling(line: Line, tell: Tell) -> Line:
    async def say(session: str, request_id: str, message: str) -> Answer:
        began = asyncio.get_running_loop().time()
        tell(
            Call(
                session=session,
                request_id=request_id,
                message=message,
                began=began,
                ended=began,
                outcome=Outcome.UNKNOWN,
                error="begun",
            )
        )
        return await line(session, request_id, message)

    return say


def _in_child(work: Callable[[Tell], Coroutine[Any, Any, None]]) -> tuple[int, _Told]:
    """Does something in a fork, and gives its status and what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            asyncio.run(work(partial(_write, writing)))
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    os.close(writing)
    told = _Told()
    with os.fdopen(reading, "rb") as lines:
        while lines.peek(1):
            _take(told, pickle.load(lines))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def _write(descriptor: int, told: object) -> None:
    os.write(descriptor, pickle.dumps(told))


def _take(told: _Told, thing: Call | tuple[str, Kept]) -> None:
    if isinstance(thing, tuple):
        told.kept[thing[0]] = thing[1]
    elif thing.error == "begun":
        told.begun.append(thing)
    else:
        told.calls.append(thing)


if __name__ == "__main__":
    scheme_, folder_, faults_ = sys.argv[1:4]
    start, step, turns, ballast = map(int, sys.argv[4:])
    for fault_ in faults_.split(","):
        crash_everywhere(scheme_, Path(folder_), Fault(fault_), count(start, step), _Talk(turns, ballast))
