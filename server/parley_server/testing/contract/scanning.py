"""Going through all sessions: S20."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

import pytest

from parley_server.errors import SessionCorrupt
from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore, StoredSession
from parley_server.testing.backing import Backing
from parley_server.testing.contract.lifetime import HOUR, MOMENT
from parley_server.testing.contract.scene import KEY, Scene, take_turn

KEYS = [SessionKey("tenant", f"session {number}") for number in range(60)]


async def make_sessions(store: StateStore, keys: list[SessionKey] = KEYS) -> None:
    """Commits a turn of each session, whose snapshot names it."""
    for key in keys:
        await take_turn(store, key, snapshot=key.session_id.encode())


async def end(store: StateStore, key: SessionKey) -> None:
    """Deletes a session."""
    async with store.open(key) as session:
        await session.delete()


def names(sessions: list[StoredSession]) -> list[str]:
    """The names of the sessions that were given, each once."""
    return sorted({session.snapshot.decode() for session in sessions})


class ScanContract(Scene):
    """Going through all sessions."""

    async def test_s20_a_scan_gives_every_session_as_it_is_read(self, backing: Backing, store: StateStore) -> None:
        await make_sessions(store)
        await make_sessions(store, KEYS[:9])
        for key in KEYS[:3]:
            await take_turn(store, key, snapshot=key.session_id.encode(), expires_in=2 * HOUR)
        for key in KEYS[3:6]:
            await take_turn(store, key, expires_in=HOUR)
        await end(store, KEYS[6])
        backing.advance(HOUR + MOMENT)

        found = [session async for session in store.scan()]

        expected = {await store.read(key) for key in KEYS} - {None}
        assert len(expected) == len(KEYS) - 4
        assert set(found) == expected

    async def test_s20_an_empty_store_has_nothing_to_scan(self, store: StateStore) -> None:
        assert [session async for session in store.scan()] == []

    async def test_s20_no_session_that_lives_on_is_missed_while_others_come_and_go(self, store: StateStore) -> None:
        await make_sessions(store)
        living, ending, coming = KEYS[::2], KEYS[1::2], [SessionKey("tenant", f"new {n}") for n in range(30)]
        found: list[StoredSession] = []

        async for session in store.scan():
            found.append(session)
            if ending and coming:
                await end(store, ending.pop())
                await make_sessions(store, [coming.pop(), *living[:2]])

        assert {key.session_id for key in living} <= set(names(found))

    async def test_s20_what_can_not_be_read_is_told_after_all_others_were_given(
        self, backing: Backing, store: StateStore
    ) -> None:
        await make_sessions(store)
        await take_turn(store)
        await backing.damage_snapshot(KEY)
        found: list[StoredSession] = []

        async def scan() -> None:
            async for session in store.scan():
                found.append(session)  # noqa: PERF401 (what was given before the error counts)

        with pytest.raises(SessionCorrupt):
            await scan()

        assert names(found) == sorted(key.session_id for key in KEYS)

    async def test_s20_the_next_session_costs_no_more_when_there_are_many(
        self, backing: Backing, store: StateStore
    ) -> None:
        async def cost() -> int:
            before = backing.effort()
            await anext(store.scan())
            return backing.effort() - before

        backing.hurry()
        await make_sessions(store, KEYS)
        few = await cost()
        await make_sessions(store, [SessionKey("tenant", f"more {number}") for number in range(300)])

        assert await cost() <= 2 * few
