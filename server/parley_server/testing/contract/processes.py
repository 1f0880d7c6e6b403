"""Several processes on one backing: S3, S4, S7, S8, S13."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore
from parley_server.stores.registry import open_store
from parley_server.testing.backing import Backing
from parley_server.testing.contract.scene import KEY, LONG, Scene, all_turns, take_turn
from parley_server.testing.rival import Rival

LEASE = timedelta(seconds=1)


class ProcessContract(Scene):
    """Several processes on one backing, which all go by the real clock."""

    @pytest_asyncio.fixture
    async def shared(self, backing: Backing) -> AsyncIterator[StateStore]:
        """A store on the backing, by its URL."""
        store = await open_store(backing.url(), options=StoreOptions(shared=True, lease=LEASE))
        yield store
        await store.close()

    async def test_s3_what_a_killed_process_was_told_is_committed(self, backing: Backing, shared: StateStore) -> None:
        async with Rival.start(backing.url(), KEY, lease=LEASE) as rival:
            await rival.order("count 100000")
            told = [int(await rival.answer()) for _ in range(30)]
            rival.signal(signal.SIGKILL)

            # One more may have been committed when the news of it was cut off.
            turn = await take_turn(shared, wait=LONG)

        numbers = [int(record.data) for record in await all_turns(shared) if record.data.isdigit()]
        assert told == list(range(1, 31))
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 30
        assert turn.turn == len(numbers) + 1

    async def test_s4_processes_that_count_lose_nothing(self, backing: Backing, shared: StateStore) -> None:
        async with contextlib.AsyncExitStack() as stack:
            rivals = [await stack.enter_async_context(Rival.start(backing.url(), KEY, lease=LEASE)) for _ in range(2)]
            for rival in rivals:
                await rival.order("count 20")
            told = [[int(await rival.answer()) for _ in range(20)] for rival in rivals]

        numbers = [int(record.data) for record in await all_turns(shared)]
        assert numbers == list(range(1, 41))
        assert sorted(told[0] + told[1]) == numbers

    async def test_s8_a_killed_holder_blocks_nobody_for_longer_than_its_lease(
        self, backing: Backing, shared: StateStore
    ) -> None:
        async with Rival.start(backing.url(), KEY, lease=LEASE) as rival:
            await rival.order("hold")
            assert await rival.answer() == "held"
            rival.signal(signal.SIGKILL)

            assert (await take_turn(shared, wait=10 * LEASE)).turn == 1

    async def test_s8_a_holder_that_was_stopped_loses_its_lease_and_can_not_commit(
        self, backing: Backing, shared: StateStore
    ) -> None:
        async with Rival.start(backing.url(), KEY, lease=LEASE) as rival:
            await rival.order("hold")
            assert await rival.answer() == "held"
            rival.signal(signal.SIGSTOP)

            assert (await take_turn(shared, wait=10 * LEASE)).turn == 1

            rival.signal(signal.SIGCONT)
            await rival.order("commit")
            assert await rival.answer() == "TurnConflict"
        assert len(await all_turns(shared)) == 1

    async def test_s13_a_watch_is_woken_by_what_another_process_does(
        self, backing: Backing, shared: StateStore
    ) -> None:
        async with Rival.start(backing.url(), KEY, lease=LEASE) as rival, shared.watch(KEY) as wakes:
            await rival.order("count 1")

            async with asyncio.timeout(LONG.total_seconds()):
                await anext(wakes)
