"""A turn is committed once and whole, or not at all: S3, S4, S5, S6."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

import asyncio
from datetime import timedelta

import pytest

from parley_server.errors import TurnConflict
from parley_server.stores.protocol import OpenSession, StateStore, TurnRecord
from parley_server.testing.backing import Backing
from parley_server.testing.contract.scene import KEY, LONG, Scene, all_turns, take_turn


async def commit(session: OpenSession, *, data: bytes = b"data", request_id: str = "") -> TurnRecord:
    """Commits a turn of the session."""
    return await session.commit(snapshot=b"of " + data, request_id=request_id, data=data, expires_in=None)


async def state(store: StateStore) -> tuple[object, list[TurnRecord]]:
    """Everything that is stored of the session."""
    return await store.read(KEY), await all_turns(store)


class CommitContract(Scene):
    """A turn is committed once and whole, or not at all."""

    @pytest.mark.parametrize("steps", range(6))
    async def test_s3_a_cancelled_commit_is_whole_or_absent(self, store: StateStore, steps: int) -> None:
        await take_turn(store, snapshot=b"of one", data=b"one")

        async def turn() -> None:
            async with store.open(KEY) as session:
                opened.set()
                await commit(session, data=b"two")

        opened = asyncio.Event()
        task = asyncio.create_task(turn())
        await opened.wait()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        # Whoever is let in after it sees what came of it.
        async with store.open(KEY, recent=9, wait=LONG) as session:
            assert session.stored is not None
            assert session.stored.snapshot == b"of " + session.recent[-1].data
            assert session.stored.version == len(session.recent)
            assert [turn.data for turn in session.recent] in ([b"one"], [b"one", b"two"])
            await commit(session, data=b"three")

    async def test_s4_each_commit_raises_the_version_by_one(self, store: StateStore) -> None:
        turns = [await take_turn(store) for _ in range(3)]

        stored = await store.read(KEY)
        assert [turn.turn for turn in turns] == [1, 2, 3]
        assert stored is not None
        assert stored.version == 3

    async def test_s4_a_lease_serves_one_commit_and_nothing_changes_after_it(self, store: StateStore) -> None:
        async with store.open(KEY) as session:
            await commit(session)
            before = await state(store)
            with pytest.raises(TurnConflict):
                await commit(session)
            with pytest.raises((TurnConflict, ValueError)):
                await session.delete()

        assert await state(store) == before

    async def test_s4_nothing_is_committed_after_the_context_was_left(self, store: StateStore) -> None:
        await take_turn(store)
        async with store.open(KEY) as session:
            pass
        before = await state(store)

        with pytest.raises(TurnConflict):
            await commit(session)
        with pytest.raises(TurnConflict):
            await session.delete()

        assert await state(store) == before

    async def test_s4_a_stale_version_is_refused_and_nothing_changes(
        self, backing: Backing, store: StateStore, other: StateStore
    ) -> None:
        await take_turn(store)
        async with store.open(KEY) as stale:
            backing.advance(timedelta(minutes=1))
            await take_turn(other, data=b"theirs")
            before = await state(store)
            with pytest.raises(TurnConflict):
                await commit(stale)

        assert await state(store) == before

    async def test_s4_tasks_that_count_lose_nothing(self, store: StateStore) -> None:
        await self._count([store], tasks=8, each=10)

    async def test_s4_store_objects_that_count_lose_nothing(self, store: StateStore, other: StateStore) -> None:
        await self._count([store, other], tasks=4, each=10)

    async def test_s5_a_session_that_was_made_again_is_another_one(
        self, backing: Backing, store: StateStore, other: StateStore
    ) -> None:
        await take_turn(store)
        async with store.open(KEY) as stale:
            backing.advance(timedelta(minutes=1))
            async with other.open(KEY) as session:
                await session.delete()
            await take_turn(other, data=b"new")
            before = await state(store)
            with pytest.raises(TurnConflict):
                await commit(stale)
            with pytest.raises(TurnConflict):
                await stale.delete()

        assert await state(store) == before

    async def test_s5_who_deleted_a_session_can_not_make_it_again(self, store: StateStore) -> None:
        await take_turn(store)
        async with store.open(KEY) as session:
            await session.delete()
            with pytest.raises(TurnConflict):
                await commit(session)

        assert await store.read(KEY) is None

    async def test_s5_a_session_made_again_begins_at_turn_one_and_knows_no_old_request(self, store: StateStore) -> None:
        await take_turn(store, request_id="r", data=b"old")
        async with store.open(KEY) as session:
            await session.delete()

        record = await take_turn(store, request_id="r", data=b"new")

        assert record == TurnRecord(1, "r", b"new")
        assert await all_turns(store) == [record]

    async def test_s6_a_repeated_request_changes_nothing_and_gives_its_turn(self, store: StateStore) -> None:
        first = await take_turn(store, request_id="r", data=b"first")
        await take_turn(store, request_id="s")
        before = await state(store)

        again = await take_turn(store, request_id="r", data=b"again")

        assert again == first
        assert await state(store) == before

    async def test_s6_a_commit_that_is_sent_twice_is_applied_once(self, store: StateStore) -> None:
        async with store.open(KEY) as session:
            first, second = await asyncio.gather(commit(session, request_id="r"), commit(session, request_id="r"))

        assert first == second == TurnRecord(1, "r", b"data")
        assert await all_turns(store) == [first]

    async def test_s6_a_holder_that_was_overtaken_by_its_own_request_gets_the_turn(
        self, backing: Backing, store: StateStore, other: StateStore
    ) -> None:
        async with store.open(KEY, request_id="r") as stale:
            backing.advance(timedelta(minutes=1))
            first = await take_turn(other, request_id="r")

            assert await commit(stale, request_id="r") == first

    async def test_s6_the_last_128_requests_are_recognised(self, store: StateStore) -> None:
        turns = [await take_turn(store, request_id=f"r{n}") for n in range(130)]

        for turn in turns[2:]:
            async with store.open(KEY, request_id=turn.request_id) as session:
                assert session.repeat == turn

    async def test_s6_an_empty_request_id_is_none(self, store: StateStore) -> None:
        await take_turn(store)

        assert (await take_turn(store)).turn == 2
        async with store.open(KEY, request_id="") as session:
            assert session.repeat is None

    async def test_s6_request_ids_differ_by_every_character(self, store: StateStore) -> None:
        ids = ["r", "R", "r ", "é", "e\u0301", "r\0", "r%", "_"]

        turns = [await take_turn(store, request_id=request_id) for request_id in ids]

        assert [turn.turn for turn in turns] == list(range(1, len(ids) + 1))

    async def _count(self, stores: list[StateStore], *, tasks: int, each: int) -> None:
        async def count(store: StateStore) -> None:
            for _ in range(each):
                async with store.open(KEY, wait=LONG) as session:
                    number = 0 if session.stored is None else int(session.stored.snapshot)
                    await session.commit(
                        snapshot=b"%d" % (number + 1), request_id="", data=b"%d" % (number + 1), expires_in=None
                    )

        await asyncio.gather(*(count(store) for store in stores for _ in range(tasks)))

        total = len(stores) * tasks * each
        assert [int(turn.data) for turn in await all_turns(stores[0])] == list(range(1, total + 1))
