"""Two servers that took one request, as the lease of the first ran out while it took the turn."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.gates import GATED, Gate
from support.servers import definition, serving

import parley
from parley_server.stores.options import utc_now

LATER = timedelta(minutes=5)


def later() -> datetime:
    """A clock by which the leases of others have run out."""
    return utc_now() + LATER


@pytest.fixture
async def rivals(tmp_path: Path) -> AsyncIterator[tuple[parley.AsyncClient, parley.AsyncClient]]:
    store, assistant = f"sqlite:///{tmp_path / 'parley.db'}", (definition(tmp_path, GATED),)
    async with (
        serving(store=store, assistant=assistant) as (_, slow),
        serving(store=store, assistant=assistant, clock=later) as (_, quick),
    ):
        yield slow, quick


async def test_a_turn_that_another_server_committed_first_is_told_as_it_was_committed(
    rivals: tuple[parley.AsyncClient, parley.AsyncClient],
) -> None:
    slow, quick = rivals
    gate = Gate.fresh()
    held = asyncio.create_task(slow.say("wait", session_id="s", request_id="r"))
    await gate.reached()
    other = Gate.fresh()
    other.open()
    committed = await quick.say("wait", session_id="s", request_id="r")
    gate.open()

    told = await held

    assert told.replayed
    assert told.session.updated_at == committed.session.updated_at


async def test_a_request_id_that_another_server_committed_first_for_another_message_is_refused(
    rivals: tuple[parley.AsyncClient, parley.AsyncClient],
) -> None:
    slow, quick = rivals
    gate = Gate.fresh()
    held = asyncio.create_task(slow.say("wait", session_id="s", request_id="r"))
    await gate.reached()
    await quick.say("hello", session_id="s", request_id="r")
    gate.open()

    with pytest.raises(parley.RequestIdReused):
        await held

    assert [turn.user_message async for turn in quick.history("s")] == ["hello"]
