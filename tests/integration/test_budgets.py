"""Calls whose time is over: before they came, while the author's code took no notice, or while they are committed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.faults_core import Core, core
from support.faults_plain_store import PlainStore
from support.gates import GATED, Gate
from support.servers import definition, serving
from support.waiting import until

import parley
from parley_server.errors import DeadlineExceeded, SessionBusy
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.service.events import ChatCommand, TurnCompleted
from parley_server.stores.memory import InMemoryStore
from parley_server.stores.options import utc_now

KEY = SessionKey(DEFAULT_TENANT, "s")
NOTHING = timedelta(0)
BUDGET = timedelta(seconds=0.5)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore(clock=utc_now)


@pytest.fixture
async def server(store: InMemoryStore) -> AsyncIterator[Core]:
    async with core(store) as server:
        yield server


async def test_a_turn_that_has_no_time_is_not_taken(server: Core) -> None:
    listener = await server.chat.take(ChatCommand(session_id="s", request_id="r", message="s/r"), NOTHING)

    with pytest.raises(DeadlineExceeded):
        await listener.next()

    listener.leave()
    assert (await server.kept("s")).turns == ()


async def test_a_commit_that_has_begun_outlives_the_deadline() -> None:
    store, loop = PlainStore(), asyncio.get_running_loop()
    store.meeting = asyncio.Barrier(2)
    async with core(store) as server:
        over = loop.time() + BUDGET.total_seconds()
        listener = await server.chat.take(ChatCommand(session_id="s", request_id="r", message="s/r"), BUDGET)
        await until(lambda: store.meeting and store.meeting.n_waiting == 1)
        await until(lambda: loop.time() > over)

        await store.meeting.wait()

        assert isinstance((await listener.next())[-1], TurnCompleted)
        listener.leave()
        assert len((await server.kept("s")).turns) == 1


async def test_an_end_that_has_no_time_does_not_wait_for_a_turn(server: Core, store: InMemoryStore) -> None:
    await server.line()("s", "r", "s/r")

    async with store.open(KEY), asyncio.timeout(5):
        with pytest.raises(SessionBusy):
            await anext(server.sessions.end(KEY, budget=NOTHING))


async def test_code_that_takes_no_notice_of_the_deadline_commits_nothing(tmp_path: Path) -> None:
    Gate.fresh()
    async with serving(assistant=(definition(tmp_path, GATED),), turn_budget=0.2) as (_, client):
        with pytest.raises(parley.DeadlineExceeded):
            await client.say("stay", session_id="s")

        with pytest.raises(parley.SessionNotFound):
            await client.get_session("s")
