"""Several servers on one store: many writers on one session, servers that are killed, servers that stand still."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

from support.faults_calls import line, open_client, read_all
from support.faults_checker import violations
from support.faults_load import Crowd
from support.faults_processes import ServerProcess, server_processes
from support.faults_record import Outcome, Recorder
from support.faults_scale import Report, Scale
from support.waiting import until

import parley

LEASE = timedelta(seconds=0.6)
SESSIONS = [f"s{number}" for number in range(12)]


@asynccontextmanager
async def connected(servers: list[ServerProcess]) -> AsyncIterator[list[parley.AsyncClient]]:
    """A client of each server."""
    async with AsyncExitStack() as closing:
        yield [await closing.enter_async_context(open_client(server.port)) for server in servers]


def went_on(recorder: Recorder, moment: float) -> bool:
    """Whether every session was answered to a call that was made after a moment."""
    return recorder.went_on(moment) == set(SESSIONS)


def all_wait(folder: Path, gate: str) -> bool:
    """Whether a turn of every session waits at its gate."""
    return all((folder / f"{gate}-{session}.reached").exists() for session in SESSIONS)


async def test_many_writers_of_one_session_are_all_served_in_turn(
    shared: str, tmp_path: Path, scale: Scale, report: Report
) -> None:
    writers, turns = scale.of(12, 50), scale.of(5, 20)
    recorder = Recorder()
    began = recorder.now()
    async with server_processes(scale.of(2, 3), shared, tmp_path) as servers, connected(servers) as clients:
        crowd = Crowd(recorder, lambda writer: line(clients[writer % len(clients)]), sessions=1, seed=4, gives_up=0)
        await crowd.talk(writers, requests=turns)
        sessions = await read_all(servers[0].port, ["s0"])

    assert violations(recorder.calls, sessions) == []
    assert [call.error for call in recorder.calls if call.outcome is not Outcome.OK] == []
    assert sessions["s0"].turn_count == writers * turns == len(recorder.calls)
    ends = [max(c.ended for c in recorder.calls if c.request_id.startswith(f"c{w}-")) - began for w in range(writers)]
    waits = sorted(call.ended - call.began for call in recorder.calls)
    report(
        f"writers were through after {min(ends):.2f} to {max(ends):.2f} s, median {median(ends):.2f} s; "
        f"a turn took {median(waits) * 1000:.0f} ms, the longest {waits[-1] * 1000:.0f} ms"
    )


async def test_sessions_go_on_elsewhere_when_a_server_is_killed(
    shared: str, tmp_path: Path, scale: Scale, report: Report
) -> None:
    chance = random.Random(5)
    recorder = Recorder()
    gaps = []
    async with (
        server_processes(scale.of(2, 3), shared, tmp_path, lease=LEASE) as servers,
        connected(servers) as clients,
    ):
        crowd = Crowd(recorder, lambda _: line(chance.choice(clients)), sessions=len(SESSIONS), seed=6)
        talking = asyncio.create_task(crowd.talk(2 * len(SESSIONS)))
        for _ in range(scale.of(1, 25)):
            await recorder.answered(chance.randint(1, 100))
            victim = chance.choice(servers)
            await victim.kill()
            killed = time.monotonic()
            await until(partial(went_on, recorder, killed))
            gaps.append(time.monotonic() - killed)
            await victim.start()
        crowd.stop()
        await talking
        sessions = await read_all(servers[0].port, SESSIONS)

    assert violations(recorder.calls, sessions) == []
    assert recorder.count(Outcome.UNKNOWN), "no call was cut off, so nothing was tried"
    report(
        f"{len(gaps)} kills, {recorder.count(Outcome.OK)} answered, {recorder.count(Outcome.UNKNOWN)} cut off; "
        f"all sessions went on elsewhere after {median(gaps):.2f} s, at most {max(gaps):.2f} s"
    )


async def test_a_server_that_stood_still_for_longer_than_its_leases_commits_nothing_stale(
    shared: str, tmp_path: Path, scale: Scale, report: Report
) -> None:
    recorder = Recorder()
    late: list[Outcome] = []
    async with server_processes(2, shared, tmp_path, lease=LEASE) as servers, connected(servers) as (slow, quick):
        for number in range(scale.of(1, 20)):
            gate = f"gate-{number}"
            held = [
                asyncio.create_task(recorder.say(line(slow), session, f"late-{number}", gate=f"{gate}-{session}"))
                for session in SESSIONS
            ]
            await until(partial(all_wait, tmp_path, gate))
            servers[0].pause()
            for session in SESSIONS:
                (tmp_path / f"{gate}-{session}.open").touch()
            # Of the half the very same request reaches another server, of the rest a different one.
            await asyncio.gather(
                *(recorder.say(line(quick), s, f"late-{number}", gate=f"{gate}-{s}") for s in SESSIONS[::2]),
                *(recorder.say(line(quick), s, f"other-{number}") for s in SESSIONS[1::2]),
            )
            servers[0].resume()
            late += [(await call).outcome for call in held]
        sessions = await read_all(servers[1].port, SESSIONS)

    assert violations(recorder.calls, sessions) == []
    assert set(late[::2]) == {Outcome.OK}, "the repeat's reply is told here too"
    assert set(late[1::2]) == {Outcome.FAILED}, "the session had moved on"
    report(f"{len(late)} turns were held up, {late.count(Outcome.FAILED)} of them refused, none was stale")
