"""Several servers on one store: many writers on one session, servers that are killed, servers that stand still."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from support.faults_calls import line, open_client, read_all
from support.faults_checker import violations
from support.faults_load import Crowd
from support.faults_processes import ServerProcess, server_processes
from support.faults_record import Outcome, Recorder
from support.faults_scale import ON_DISK, Report, Scale
from support.redis_servers import RedisServer
from support.waiting import until

import parley

LEASE = timedelta(seconds=0.6)
SESSIONS = 12


@pytest.fixture(scope="module", params=[*sorted(ON_DISK), "redis"])
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, scale: Scale
) -> Iterator[list[ServerProcess]]:
    """Servers that share a store of each kind; each test has sessions of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param in ON_DISK:
            url = ON_DISK[request.param].format(folder=folder)
        else:
            url = stack.enter_context(RedisServer(folder / "redis")).url
        yield stack.enter_context(server_processes(scale.of(2, 3), url, folder, lease=LEASE))


@asynccontextmanager
async def connected(servers: list[ServerProcess]) -> AsyncIterator[list[parley.AsyncClient]]:
    """A client of each server, once they answer."""
    async with AsyncExitStack() as closing:
        for server in servers:
            await server.ready()
        yield [await closing.enter_async_context(open_client(server.port)) for server in servers]


def went_on(recorder: Recorder, moment: float) -> bool:
    """Whether every session was answered to a call that was made after a moment."""
    return len(recorder.went_on(moment)) == SESSIONS


def all_wait(folder: Path, gate: str, sessions: list[str]) -> bool:
    """Whether a turn of every session waits at its gate."""
    return all((folder / f"{gate}-{session}.reached").exists() for session in sessions)


async def test_many_writers_of_one_session_are_all_served_in_turn(
    fleet: list[ServerProcess], scale: Scale, report: Report
) -> None:
    writers, turns = scale.of(12, 50), scale.of(5, 20)
    recorder = Recorder()
    async with connected(fleet) as clients:
        began = recorder.now()
        crowd = Crowd(
            recorder,
            lambda writer: line(clients[writer % len(clients)]),
            sessions=1,
            seed=4,
            gives_up=0,
            prefix="many",
        )
        await crowd.talk(writers, requests=turns)
        sessions = await read_all(fleet[0].port, ["many0"])

    assert violations(recorder.calls, sessions) == []
    assert [call.error for call in recorder.calls if call.outcome is not Outcome.OK] == []
    assert sessions["many0"].turn_count == writers * turns == len(recorder.calls)
    ends = [max(c.ended for c in recorder.calls if c.request_id.startswith(f"c{w}-")) - began for w in range(writers)]
    waits = sorted(call.ended - call.began for call in recorder.calls)
    report(
        f"writers were through after {min(ends):.2f} to {max(ends):.2f} s, median {median(ends):.2f} s; "
        f"a turn took {median(waits) * 1000:.0f} ms, the longest {waits[-1] * 1000:.0f} ms"
    )


async def test_sessions_go_on_elsewhere_when_a_server_is_killed(
    fleet: list[ServerProcess], scale: Scale, report: Report
) -> None:
    chance = random.Random(5)
    recorder = Recorder()
    gaps = []
    async with connected(fleet) as clients:
        crowd = Crowd(recorder, lambda _: line(chance.choice(clients)), sessions=SESSIONS, seed=6, prefix="killed")
        talking = asyncio.create_task(crowd.talk(2 * SESSIONS))
        for _ in range(scale.of(1, 25)):
            await recorder.answered(chance.randint(1, 100))
            victim = chance.choice(fleet)
            victim.kill()
            killed = time.monotonic()
            await until(partial(went_on, recorder, killed))
            gaps.append(time.monotonic() - killed)
            victim.start()
        crowd.stop()
        await talking
        for server in fleet:
            await server.ready()
        sessions = await read_all(fleet[0].port, recorder.sessions)

    assert violations(recorder.calls, sessions) == []
    assert recorder.count(Outcome.UNKNOWN), "no call was cut off, so nothing was tried"
    report(
        f"{len(gaps)} kills, {recorder.count(Outcome.OK)} answered, {recorder.count(Outcome.UNKNOWN)} cut off; "
        f"all sessions went on elsewhere after {median(gaps):.2f} s, at most {max(gaps):.2f} s"
    )


async def test_a_server_that_stood_still_for_longer_than_its_leases_commits_nothing_stale(
    fleet: list[ServerProcess], scale: Scale, report: Report
) -> None:
    recorder = Recorder()
    names = [f"paused{number}" for number in range(SESSIONS)]
    late: list[Outcome] = []
    async with connected(fleet[:2]) as (slow, quick):
        for number in range(scale.of(1, 20)):
            gate = f"gate-{number}"
            held = [
                asyncio.create_task(recorder.say(line(slow), session, f"late-{number}", gate=f"{gate}-{session}"))
                for session in names
            ]
            await until(partial(all_wait, fleet[0].gates, gate, names))
            fleet[0].pause()
            for session in names:
                (fleet[0].gates / f"{gate}-{session}.open").touch()
            # Of the half the very same request reaches another server, of the rest a different one.
            await asyncio.gather(
                *(recorder.say(line(quick), s, f"late-{number}", gate=f"{gate}-{s}") for s in names[::2]),
                *(recorder.say(line(quick), s, f"other-{number}") for s in names[1::2]),
            )
            fleet[0].resume()
            late += [(await call).outcome for call in held]
        sessions = await read_all(fleet[1].port, names)

    assert violations(recorder.calls, sessions) == []
    assert set(late[::2]) == {Outcome.OK}, "the repeat's reply is told here too"
    assert set(late[1::2]) == {Outcome.FAILED}, "the session had moved on"
    report(f"{len(late)} turns were held up, {late.count(Outcome.FAILED)} of them refused, none was stale")
