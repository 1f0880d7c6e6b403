"""When sessions and stores end, and who learns of it: S12, S13, S18."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from parley_server.errors import StoreUnavailable, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore
from parley_server.testing.backing import Backing
from parley_server.testing.contract.scene import KEY, LONG, Scene, take_turn

HOUR = timedelta(hours=1)
MOMENT = timedelta(seconds=1)


async def woken(wakes: AsyncIterator[None]) -> None:
    """Returns when the watch yields."""
    async with asyncio.timeout(LONG.total_seconds()):
        await anext(wakes)


class LifetimeContract(Scene):
    """When sessions and stores end, and who learns of it."""

    async def test_s12_a_session_expires_when_it_was_idle_for_long_enough(
        self, backing: Backing, store: StateStore
    ) -> None:
        await take_turn(store, request_id="r", expires_in=HOUR)
        backing.advance(HOUR - MOMENT)
        assert await store.read(KEY) is not None

        backing.advance(MOMENT)

        assert await store.read(KEY) is None
        assert await store.read_turns(KEY) == ()
        async with store.open(KEY, request_id="r", recent=5) as session:
            assert (session.stored, session.recent, session.repeat) == (None, (), None)

    async def test_s12_a_session_that_expired_is_made_anew(self, backing: Backing, store: StateStore) -> None:
        await take_turn(store, request_id="r", data=b"old", expires_in=HOUR)
        backing.advance(HOUR)

        record = await take_turn(store, request_id="r", data=b"new", expires_in=HOUR)

        assert (record.turn, record.data) == (1, b"new")
        assert await store.read_turns(KEY) == (record,)

    async def test_s12_a_commit_starts_the_time_anew_and_reading_does_not(
        self, backing: Backing, store: StateStore
    ) -> None:
        await take_turn(store, expires_in=HOUR)
        first = await store.read(KEY)
        backing.advance(HOUR / 2)
        await take_turn(store, expires_in=HOUR)
        second = await store.read(KEY)
        backing.advance(HOUR / 2)
        assert await store.read(KEY) == second
        async with store.open(KEY):
            pass

        backing.advance(HOUR / 2)

        assert await store.read(KEY) is None
        assert first is not None
        assert second is not None
        assert first.expires_at is not None
        assert second.expires_at is not None
        assert second.expires_at - first.expires_at == HOUR / 2

    async def test_s12_the_last_commit_says_whether_a_session_expires(
        self, backing: Backing, store: StateStore
    ) -> None:
        await take_turn(store, expires_in=HOUR)
        await take_turn(store, expires_in=None)

        backing.advance(1000 * HOUR)

        stored = await store.read(KEY)
        assert stored is not None
        assert stored.expires_at is None

    async def test_s12_a_session_that_expires_while_it_is_open_can_not_be_committed(
        self, backing: Backing, store: StateStore
    ) -> None:
        await take_turn(store, expires_in=MOMENT)
        async with store.open(KEY) as session:
            backing.advance(MOMENT)
            with pytest.raises(TurnConflict):
                await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

        assert await store.read(KEY) is None

    async def test_s12_sweeping_removes_what_expired_and_nothing_else(
        self, backing: Backing, store: StateStore
    ) -> None:
        keys = [SessionKey("tenant", str(number)) for number in range(150)]
        for number, key in enumerate(keys):
            await take_turn(store, key, expires_in=(HOUR, None, 3 * HOUR)[number % 3])
        backing.advance(2 * HOUR)

        assert await store.sweep() == 50
        assert await store.sweep() == 0
        assert [await store.read(key) is None for key in keys] == [number % 3 == 0 for number in range(150)]

    async def test_s13_a_watch_is_woken_by_each_commit_and_by_the_end(self, store: StateStore) -> None:
        async with store.watch(KEY) as wakes:
            await take_turn(store)
            await woken(wakes)
            await take_turn(store)
            await woken(wakes)
            async with store.open(KEY) as session:
                await session.delete()
            await woken(wakes)

    async def test_s13_a_watch_is_woken_by_what_another_store_object_does(
        self, store: StateStore, other: StateStore
    ) -> None:
        await take_turn(store)
        async with store.watch(KEY) as wakes:
            await take_turn(other)
            await woken(wakes)
            async with other.open(KEY) as session:
                await session.delete()
            await woken(wakes)

    async def test_s13_no_wake_up_is_lost_before_the_first_wait(self, store: StateStore, other: StateStore) -> None:
        async with store.watch(KEY) as wakes:
            await take_turn(other)
            assert await store.read(KEY) is not None

            await woken(wakes)

    async def test_s13_a_watch_is_woken_by_expiry(self, backing: Backing, store: StateStore) -> None:
        await take_turn(store, expires_in=HOUR)
        async with store.watch(KEY) as wakes:
            backing.advance(HOUR)

            await woken(wakes)

        assert await store.read(KEY) is None

    async def test_s13_every_watch_of_a_session_is_woken(self, store: StateStore) -> None:
        async with store.watch(KEY) as first, store.watch(KEY) as second:
            await take_turn(store)

            await woken(first)
            await woken(second)

    async def test_s18_after_close_every_method_raises(self, store: StateStore) -> None:
        await take_turn(store)
        async with store.open(KEY) as session, store.watch(KEY) as wakes:
            await store.close()
            await store.close()

            for attempt in (
                session.commit(snapshot=b"", request_id="", data=b"", expires_in=None),
                session.delete(),
                store.open(KEY).__aenter__(),
                store.read(KEY),
                store.read_turns(KEY),
                store.watch(KEY).__aenter__(),
                anext(store.scan()),
                store.sweep(),
                store.secret(),
                store.ready(),
                woken(wakes),
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt

    async def test_s18_closing_turns_away_who_waits(self, store: StateStore) -> None:
        async with store.open(KEY):
            waiting = asyncio.create_task(take_turn(store, wait=LONG))
            await asyncio.sleep(0)
            await store.close()

            with pytest.raises(StoreUnavailable):
                await waiting
