"""What is damaged, absent or hangs: S16, S17."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

import pytest

from parley_server.errors import SessionCorrupt, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore
from parley_server.testing.backing import Backing
from parley_server.testing.contract.scene import KEY, Scene, all_turns, take_turn

OTHER = SessionKey(KEY.tenant, "another")


class FailureContract(Scene):
    """What is damaged, absent or hangs."""

    async def test_s16_a_damaged_snapshot_is_reported_and_left_as_it_is(
        self, backing: Backing, store: StateStore
    ) -> None:
        for key in KEY, OTHER:
            await take_turn(store, key)
        await backing.damage_snapshot(KEY)

        for _ in range(2):
            with pytest.raises(SessionCorrupt):
                await store.read(KEY)
            with pytest.raises(SessionCorrupt):
                await take_turn(store)

        assert await store.read(OTHER) is not None
        assert (await take_turn(store, OTHER)).turn == 2

    async def test_s16_a_damaged_record_is_reported_and_never_skipped(
        self, backing: Backing, store: StateStore
    ) -> None:
        for number in range(5):
            await take_turn(store, request_id=f"r{number}")
            await take_turn(store, OTHER)
        await backing.damage_turn(KEY, 3)

        for _ in range(2):
            with pytest.raises(SessionCorrupt):
                await all_turns(store)
            with pytest.raises(SessionCorrupt):
                async with store.open(KEY, recent=5):
                    pass
            with pytest.raises(SessionCorrupt):
                async with store.open(KEY, request_id="r2"):
                    pass

        assert len(await all_turns(store, OTHER)) == 5

    async def test_s17_a_backing_that_is_gone_is_unavailable_and_heals(
        self, backing: Backing, store: StateStore
    ) -> None:
        await take_turn(store)
        await store.ready()
        async with store.open(OTHER) as session:
            await backing.vanish()

            for attempt in (
                session.commit(snapshot=b"", request_id="r", data=b"", expires_in=None),
                store.ready(),
                store.read(KEY),
                store.read_turns(KEY),
                anext(store.scan()),
                store.sweep(),
                take_turn(store),
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt
        await backing.come_back()

        await store.ready()
        assert (await take_turn(store)).turn == 2
        assert (await take_turn(store, OTHER, request_id="r")).turn == 1
