"""Calls whose time is over: before they came, or while the author's code took no notice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.faults_core import Core, core
from support.gates import GATED, Gate
from support.servers import definition, serving

import parley
from parley_server.errors import DeadlineExceeded, SessionBusy
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.service.events import ChatCommand
from parley_server.stores.memory import InMemoryStore
from parley_server.stores.options import utc_now

KEY = SessionKey(DEFAULT_TENANT, "s")
NOTHING = timedelta(0)


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
