"""Callers who go away at any moment: nobody gets what was meant for them, and nothing stays behind."""

import asyncio
import gc
import random
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from support.faults_calls import line, read_all
from support.faults_checker import violations
from support.faults_core import core
from support.faults_echo import DEFINITION, GATES
from support.faults_record import Outcome, Recorder
from support.faults_scale import Report, Scale
from support.servers import serving
from support.waiting import until

import parley
from parley_server.service.events import ChatCommand, TurnCompleted
from parley_server.stores.memory import InMemoryStore

SESSIONS = 20
CALLERS = 20
LONGEST = 0.03
"""Seconds after which the last callers go away; by then most turns are done."""
PATIENCE = timedelta(seconds=10)
"""How long a caller who comes back waits; a turn takes a thousandth of it."""


async def go_away(recorder: Recorder, client: parley.AsyncClient, chance: random.Random, name: str) -> None:
    """Sends a turn, goes away at some moment, and sometimes comes back for the reply."""
    session = f"s{chance.randrange(SESSIONS)}"
    call = asyncio.create_task(recorder.say(line(client), session, name))
    leaving = asyncio.get_running_loop().call_later(chance.uniform(0, LONGEST), call.cancel)
    with suppress(asyncio.CancelledError):
        await call
    leaving.cancel()
    if chance.random() < 0.5:
        again = await recorder.say(line(client, within=PATIENCE), session, name)
        while "STORE_UNAVAILABLE" in again.error:
            # A busy disk may take longer than a step of the store may.
            again = await recorder.say(line(client, within=PATIENCE), session, name)
        assert again.outcome is Outcome.OK, again.error


async def test_callers_who_go_away_leave_nothing_behind(on_disk: str, scale: Scale, report: Report) -> None:
    chance = random.Random(3)
    recorder = Recorder()
    async with serving(store=on_disk, assistant=(DEFINITION,)) as (server, client):

        async def caller(number: int, calls: int) -> None:
            for turn in range(calls):
                await go_away(recorder, client, chance, f"c{number}-{turn}-{calls}")

        async def all_call(calls: int) -> int:
            """Returns how much memory the server's own code then holds, in bytes."""
            await asyncio.gather(*(caller(number, calls // CALLERS) for number in range(CALLERS)))
            await until(lambda: len(server.turns) == 0)
            return memory_of_server()

        tracemalloc.start()
        try:
            before = await all_call(scale.of(60, 1_000))
            after = await all_call(scale.of(240, 9_000))
        finally:
            tracemalloc.stop()
        for session in recorder.sessions:
            await recorder.say(line(client, conflict_policy=parley.ConflictPolicy.REJECT), session, "anybody-there")
        sessions = await read_all(server.port, recorder.sessions)
        left = (server.turns._by_request, server.turns._by_session)

    assert left == ({}, {})
    assert violations(recorder.calls, sessions) == []
    assert recorder.count(Outcome.UNKNOWN) > len(recorder.calls) / 10
    assert after - before < 500_000
    report(
        f"{recorder.count(Outcome.UNKNOWN)} cancelled, {recorder.count(Outcome.OK)} answered; the server's own code "
        f"holds {before} bytes early, {after} at the end; resident {resident()} MiB"
    )


def memory_of_server() -> int:
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/parley_server/*")])
    return sum(trace.size for trace in snapshot.traces)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // (1 << 20)


async def test_a_caller_who_comes_back_before_the_turn_has_noticed_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GATES, str(tmp_path))
    command = ChatCommand(session_id="s0", request_id="a", message="s0/a @gate")
    async with core(InMemoryStore()) as server:
        first = await server.chat.take(command)
        await until((tmp_path / "gate.reached").exists)
        first.leave()
        again = await server.chat.take(command)
        (tmp_path / "gate.open").touch()
        events = await again.next()
        again.leave()

    assert isinstance(events[-1], TurnCompleted)
