"""Redis stores for tests: opened on a server of their own, and used as callers do who repeat what failed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from parley_server.errors import StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore, TurnRecord
from parley_server.stores.registry import open_store
from parley_server.testing.contract.scene import KEY, LONG, take_turn

QUICK = StoreOptions(timeout=timedelta(seconds=0.5))
OTHER = SessionKey("tenant", "another")
SESSION = f"parley:{{{KEY.digest}}}"


@asynccontextmanager
async def opened(url: str, options: StoreOptions = QUICK) -> AsyncIterator[StateStore]:
    store = await open_store(url, options=options)
    try:
        yield store
    finally:
        await store.close()


async def healed(store: StateStore, key: SessionKey = KEY, **turn: Any) -> TurnRecord:
    """Takes a turn as soon as the store can, as a caller would that repeats it."""
    async with asyncio.timeout(LONG.total_seconds()):
        while True:
            try:
                return await take_turn(store, key, **turn)
            except StoreUnavailable:
                continue
