"""What was committed is read back: S1, S2, S9, S10, S11, S14, S15, S19."""
# ruff: noqa: S101, D102 (asserting is what a test does, and its name says what)

from typing import cast

import pytest

from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore, TurnRecord
from parley_server.testing.backing import Backing
from parley_server.testing.contract.scene import KEY, Scene, all_turns, take_turn

LONG_HISTORY = 10_000
MIB = 1024 * 1024
VALUES = {
    "empty": b"",
    "one byte": b"\0",
    "all bytes": bytes(range(256)),
    "line ends": b"\r\n\x1a\n\0",
    "not UTF-8": b"\xff\xfe\xed\xa0\x80",
    "1 MiB": bytes(range(256)) * (MIB // 256),
}
HOSTILE = [
    *(
        "a",
        "A",
        "..",
        ".",
        "/",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a\0b",
        "a\0",
        "é",
        "e\u0301",
        "😀",
        "{a}",
        "*",
        "a*",
    ),
    *("?", "%41", "con", " a", "a ", "'; DROP TABLE sessions; --", "-rf", "~", "\n", "\u202ea", "x" * 128, "x" * 127),
]
KEYS = [SessionKey("t", name) for name in HOSTILE] + [
    SessionKey(tenant, session) for tenant, session in [("T", "a"), ("ta", ""), ("", "ta"), ("t:", "a"), ("t", ":a")]
]


class RecordContract(Scene):
    """What was committed is read back."""

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    async def test_s1_what_was_committed_is_read_back_unchanged(self, store: StateStore, value: bytes) -> None:
        await take_turn(store, snapshot=value, data=value, request_id="r")

        stored = await store.read(KEY)
        assert stored is not None
        assert (stored.snapshot, stored.version, stored.expires_at) == (value, 1, None)
        assert [turn.data for turn in await all_turns(store)] == [value]
        async with store.open(KEY, request_id="r", recent=1) as session:
            assert session.stored == stored
            assert [turn.data for turn in session.recent] == [value]
            assert session.repeat == session.recent[0]

    async def test_s1_what_was_committed_is_there_for_a_store_opened_later(
        self, backing: Backing, store: StateStore
    ) -> None:
        await take_turn(store, snapshot=b"kept", request_id="r")
        before = await store.read(KEY), await all_turns(store)
        later = await backing.another()
        await store.close()

        try:
            assert (await later.read(KEY), await all_turns(later)) == before
        finally:
            await later.close()

    async def test_s2_a_session_that_does_not_exist_reads_as_none_and_opens_as_new(self, store: StateStore) -> None:
        assert await store.read(KEY) is None
        assert await store.read_turns(KEY) == ()
        async with store.open(KEY, request_id="r", recent=5) as session:
            assert (session.stored, session.recent, session.repeat) == (None, (), None)

    async def test_s2_a_session_that_was_opened_and_not_committed_still_does_not_exist(self, store: StateStore) -> None:
        async with store.open(KEY):
            pass

        assert await store.read(KEY) is None

    @pytest.mark.parametrize("recent", [0, 1, 3, 5, 6])
    async def test_s9_opening_gives_the_last_records_in_order(self, store: StateStore, recent: int) -> None:
        turns = [await take_turn(store, data=b"%d" % n, request_id=f"r{n}") for n in range(1, 6)]

        async with store.open(KEY, request_id="r2", recent=recent) as session:
            assert list(session.recent) == turns[5 - min(recent, 5) :]
            assert session.repeat == turns[1]

    async def test_s9_s10_a_history_of_ten_thousand_turns_is_whole_and_opening_costs_no_more_for_it(
        self, backing: Backing, store: StateStore
    ) -> None:
        async def cost(turns: int) -> int:
            """What it costs to open the session once it has that many turns."""
            stored = await store.read(KEY)
            for turn in range(1 if stored is None else stored.version + 1, turns + 1):
                await take_turn(store, request_id=f"request-{turn}", data=b"%100d" % turn)
            before = backing.effort()
            async with store.open(KEY, request_id=f"request-{turns - 100}", recent=5) as session:
                assert [turn.turn for turn in session.recent] == list(range(turns - 4, turns + 1))
                assert session.repeat is not None
                assert session.repeat.turn == turns - 100
            return backing.effort() - before

        backing.hurry()
        short, long = await cost(300), await cost(LONG_HISTORY)
        turns = await all_turns(store, page_bytes=50_000)
        before = backing.effort()
        page = await store.read_turns(KEY, after=LONG_HISTORY // 2, page_bytes=1000)
        paged = backing.effort() - before

        assert long <= 1.5 * short
        assert [(turn.turn, turn.data) for turn in turns] == [(n, b"%100d" % n) for n in range(1, LONG_HISTORY + 1)]
        assert [turn.turn for turn in page] == [LONG_HISTORY // 2 + n for n in range(1, len(page) + 1)]
        assert 1 <= len(page) <= 10
        assert paged <= 3 * short

    @pytest.mark.parametrize("page_bytes", [0, 1, 250, 1000, 10_000])
    async def test_s10_pages_hold_every_record_in_order_and_little_more_than_asked(
        self, store: StateStore, page_bytes: int
    ) -> None:
        turns = [await take_turn(store, data=bytes(100)) for _ in range(12)]

        pages: list[tuple[TurnRecord, ...]] = []
        while page := await store.read_turns(KEY, after=sum(len(page) for page in pages), page_bytes=page_bytes):
            pages.append(page)

        assert [turn for page in pages for turn in page] == turns
        assert all(len(page) == 1 or 100 * len(page) <= page_bytes for page in pages)

    @pytest.mark.parametrize(("after", "expected"), [(-1, [1, 2, 3]), (0, [1, 2, 3]), (2, [3]), (3, []), (99, [])])
    async def test_s10_a_page_begins_after_the_given_turn(
        self, store: StateStore, after: int, expected: list[int]
    ) -> None:
        for _ in range(3):
            await take_turn(store)

        assert [turn.turn for turn in await store.read_turns(KEY, after=after)] == expected

    async def test_s11_delete_removes_the_snapshot_and_all_records(self, store: StateStore) -> None:
        await take_turn(store, request_id="r")
        await take_turn(store)

        async with store.open(KEY) as session:
            await session.delete()

        assert await store.read(KEY) is None
        assert await store.read_turns(KEY) == ()
        async with store.open(KEY, request_id="r", recent=5) as session:
            assert (session.stored, session.recent, session.repeat) == (None, (), None)

    async def test_s11_a_new_session_can_not_be_deleted(self, store: StateStore) -> None:
        async with store.open(KEY) as session:
            with pytest.raises(ValueError, match="new session"):
                await session.delete()

    async def test_s14_every_key_has_a_session_of_its_own(self, store: StateStore) -> None:
        for number, key in enumerate(KEYS):
            await take_turn(store, key, snapshot=b"%d" % number, data=b"%d" % number, request_id="r")

        for number, key in enumerate(KEYS):
            stored = await store.read(key)
            assert stored is not None
            assert (stored.snapshot, stored.version) == (b"%d" % number, 1)
            assert [turn.data for turn in await all_turns(store, key)] == [b"%d" % number]

    async def test_s14_deleting_one_session_leaves_every_other(self, store: StateStore) -> None:
        for key in KEYS:
            await take_turn(store, key)

        async with store.open(KEYS[0]) as session:
            await session.delete()

        assert [await store.read(key) is None for key in KEYS] == [True] + [False] * (len(KEYS) - 1)

    async def test_s15_bytes_that_were_handed_in_are_not_shared(self, store: StateStore) -> None:
        snapshot, data = bytearray(b"snapshot"), bytearray(b"data")
        async with store.open(KEY) as session:
            record = await session.commit(
                snapshot=cast("bytes", snapshot), request_id="", data=cast("bytes", data), expires_in=None
            )
        snapshot[:], data[:] = b"changed!", b"new!"

        stored = await store.read(KEY)
        assert stored is not None
        assert stored.snapshot == b"snapshot"
        assert record.data == b"data"
        assert [type(turn.data) for turn in await all_turns(store)] == [bytes]
        assert await all_turns(store) == [record]

    async def test_s19_the_secret_is_the_backings(self, store: StateStore, other: StateStore) -> None:
        secret = await store.secret()

        assert len(secret) == 32
        assert await store.secret() == secret
        assert await other.secret() == secret

    async def test_s19_another_backing_has_another_secret(self, backing: Backing, store: StateStore) -> None:
        elsewhere = await backing.elsewhere().open()

        try:
            assert await elsewhere.secret() != await store.secret()
        finally:
            await elsewhere.close()
