"""One holder at a time, and none for ever: S7, S8."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

import asyncio
from datetime import timedelta

import pytest

from parley_server.errors import SessionBusy, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore
from parley_server.testing.backing import Backing
from parley_server.testing.contract.scene import KEY, LONG, Scene, take_turn

SHORT = timedelta(milliseconds=20)


class LeaseContract(Scene):
    """One holder at a time, and none for ever."""

    @pytest.mark.parametrize("wait", [timedelta(0), SHORT])
    async def test_s7_a_session_that_is_held_is_busy(self, store: StateStore, wait: timedelta) -> None:
        async with store.open(KEY):
            with pytest.raises(SessionBusy):
                async with store.open(KEY, wait=wait):
                    pass

    @pytest.mark.parametrize("wait", [timedelta(0), SHORT])
    async def test_s7_a_session_that_another_store_object_holds_is_busy(
        self, store: StateStore, other: StateStore, wait: timedelta
    ) -> None:
        async with store.open(KEY):
            with pytest.raises(SessionBusy):
                async with other.open(KEY, wait=wait):
                    pass

    async def test_s7_who_waits_gets_the_session_from_another_store_object(
        self, store: StateStore, other: StateStore
    ) -> None:
        async with store.open(KEY):
            waiting = asyncio.create_task(take_turn(other, wait=LONG))
            with pytest.raises(SessionBusy):
                await take_turn(other, wait=SHORT)

        assert (await waiting).turn == 1

    async def test_s7_other_sessions_are_free(self, store: StateStore) -> None:
        async with store.open(KEY), store.open(SessionKey(KEY.tenant, "another")):
            pass

    async def test_s7_waiters_are_let_in_in_the_order_of_arrival(self, store: StateStore) -> None:
        order: list[int] = []

        async def turn(number: int) -> None:
            async with store.open(KEY, wait=LONG) as session:
                order.append(number)
                await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

        async with store.open(KEY):
            tasks = []
            for number in range(10):
                tasks.append(asyncio.create_task(turn(number)))
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

        assert order == list(range(10))

    async def test_s7_holders_never_overlap(self, store: StateStore, other: StateStore) -> None:
        holders = 0

        async def hold(store: StateStore) -> None:
            nonlocal holders
            async with store.open(KEY, wait=LONG):
                holders += 1
                assert holders == 1
                await asyncio.sleep(0)
                holders -= 1

        await asyncio.gather(*(hold(each) for each in [store, other] * 10))

    async def test_s7_reading_does_not_wait_for_the_holder(self, store: StateStore) -> None:
        await take_turn(store)

        async with store.open(KEY):
            assert await store.read(KEY) is not None
            assert len(await store.read_turns(KEY)) == 1

    async def test_s7_the_session_is_free_once_its_turn_is_committed(self, store: StateStore) -> None:
        async with store.open(KEY) as session:
            await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

            assert (await take_turn(store, wait=LONG)).turn == 2

    async def test_s7_a_holder_that_failed_frees_the_session(self, store: StateStore) -> None:
        with pytest.raises(ZeroDivisionError):
            async with store.open(KEY):
                raise ZeroDivisionError

        await take_turn(store, wait=timedelta(0))

    @pytest.mark.parametrize("steps", range(6))
    async def test_s7_a_waiter_that_was_cancelled_leaves_the_session_to_the_next(
        self, store: StateStore, steps: int
    ) -> None:
        async def hold() -> None:
            async with store.open(KEY, wait=LONG):
                await asyncio.Event().wait()

        async with store.open(KEY):
            tasks = [asyncio.create_task(hold()) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        await take_turn(store, wait=LONG)

    async def test_s8_a_holder_whose_lease_ran_out_blocks_nobody_and_can_not_commit(
        self, backing: Backing, store: StateStore, other: StateStore
    ) -> None:
        async with store.open(KEY) as late:
            backing.advance(timedelta(minutes=1))
            async with other.open(KEY, wait=LONG):
                with pytest.raises(TurnConflict):
                    await late.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

        assert await store.read(KEY) is None
