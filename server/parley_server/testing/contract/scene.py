"""What every test of the store contract begins with."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore, TurnRecord
from parley_server.testing.backing import Backing

KEY = SessionKey("tenant", "session")
LONG = timedelta(seconds=30)
"""Longer than anything takes that a test waits for."""


async def take_turn(
    store: StateStore,
    key: SessionKey = KEY,
    *,
    snapshot: bytes = b"snapshot",
    request_id: str = "",
    data: bytes = b"data",
    expires_in: timedelta | None = None,
    wait: timedelta = LONG,
) -> TurnRecord:
    """Opens the session and commits one turn."""
    async with store.open(key, request_id=request_id, wait=wait) as session:
        return await session.commit(snapshot=snapshot, request_id=request_id, data=data, expires_in=expires_in)


async def all_turns(store: StateStore, key: SessionKey = KEY, *, page_bytes: int = 512 * 1024) -> list[TurnRecord]:
    """Reads the whole history, page by page."""
    turns: list[TurnRecord] = []
    while page := await store.read_turns(key, after=len(turns), page_bytes=page_bytes):
        turns += page
    return turns


@pytest.mark.asyncio
class Scene:
    """A store, and what it is kept in."""

    @pytest.fixture
    def backing(self) -> Backing:
        """To be overridden: an empty backing."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def store(self, backing: Backing) -> AsyncIterator[StateStore]:
        """A store on the backing."""
        store = await backing.open()
        yield store
        await store.close()

    @pytest_asyncio.fixture
    async def other(self, backing: Backing) -> AsyncIterator[StateStore]:
        """Another store object on the same backing."""
        other = await backing.another()
        yield other
        await other.close()
