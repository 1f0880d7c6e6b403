"""Servers that are killed in the middle of their work, and started again or left to the others."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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


@asynccontextmanager
async def clients(count: int, server: ServerProcess) -> AsyncIterator[list[parley.AsyncClient]]:
    async with AsyncExitStack() as closing:
        yield [await closing.enter_async_context(open_client(server.port)) for _ in range(count)]


async def test_no_turn_is_lost_when_the_server_is_killed_and_started_again(
    on_disk: str, tmp_path: Path, scale: Scale, report: Report
) -> None:
    chance = random.Random(1)
    recorder = Recorder()
    seconds = []
    with server_processes(1, on_disk, tmp_path) as (server,):
        async with clients(40, server) as callers:
            await server.ready()
            crowd = Crowd(recorder, lambda caller: line(callers[caller]), sessions=20, seed=2)
            talking = asyncio.create_task(crowd.talk(40))
            for _ in range(scale.of(1, 100)):
                await recorder.answered(chance.randint(1, 200))
                server.kill()
                began = recorder.now()
                server.start()
                await until(partial(recorder.went_on, began))
                seconds.append(recorder.now() - began)
            crowd.stop()
            await talking
            sessions = await read_all(server.port, recorder.sessions)

    assert violations(recorder.calls, sessions) == []
    assert recorder.count(Outcome.UNKNOWN), "no call was cut off, so nothing was tried"
    report(f"{len(seconds)} kills, {recorder.count(Outcome.OK)} answered, {recorder.count(Outcome.UNKNOWN)} cut off")
    report(f"first answer after a start: median {median(seconds):.2f} s, longest {max(seconds):.2f} s")
