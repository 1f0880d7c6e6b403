"""What the suite of all stores can not say of the Redis store: what it costs, and what it makes of a bad day."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from support.redis_proxy import RedisProxy
from support.redis_servers import (
    ON_DISK,
    RedisServer,
)
from support.redis_stores import OTHER, QUICK, SESSION, healed, opened
from support.waiting import until

from parley_server.errors import SessionBusy, SessionCorrupt, StoreFull, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore, TurnRecord
from parley_server.testing.contract.scene import KEY, LONG, all_turns, take_turn
from parley_server.testing.rival import Rival


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), *ON_DISK) as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """One that holds nothing."""
    shared_server.ask("FLUSHALL")
    return shared_server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[StateStore]:
    async with opened(server.url) as store:
        yield store


@asynccontextmanager
async def proxied(server: RedisServer) -> AsyncIterator[tuple[RedisProxy, StateStore]]:
    """A store behind a proxy, on a server that knows all scripts, so that the next answers are those of the scripts."""
    async with RedisProxy.relaying(server.port) as proxy, opened(f"redis://127.0.0.1:{proxy.port}") as store:
        await take_turn(store, OTHER)
        async with store.open(OTHER) as session:
            await session.delete()
        yield proxy, store


def followers(server: RedisServer) -> int:
    """How many connections hear of the session's changes."""
    count: int = server.ask("PUBSUB", "NUMSUB", f"{SESSION}:changes")[1]
    return count


class TestCost:
    @pytest.mark.parametrize("turns", [10, 10_000])
    async def test_a_turn_is_two_round_trips_however_long_the_session(
        self, store: StateStore, server: RedisServer, turns: int
    ) -> None:
        for turn in range(turns):
            await take_turn(store, request_id=f"r{turn}")
        server.ask("CONFIG", "RESETSTAT")

        async with store.open(KEY, request_id="new", recent=5) as session:
            await session.commit(snapshot=b"", request_id="new", data=b"", expires_in=timedelta(hours=1))

        assert server.count_calls("evalsha") == 2
        assert server.count_calls("eval") == 0
        # The commands inside the scripts, the scripts, and the one that reset the count.
        assert server.count_commands() <= 30


class TestScripts:
    async def test_a_server_that_forgot_the_scripts_is_told_them_again(
        self, store: StateStore, server: RedisServer
    ) -> None:
        await take_turn(store)
        server.ask("SCRIPT", "FLUSH")

        assert (await take_turn(store)).turn == 2

    async def test_a_server_that_was_flushed_begins_anew(self, store: StateStore, server: RedisServer) -> None:
        await take_turn(store)
        secret = await store.secret()
        server.ask("FLUSHALL")

        assert (await take_turn(store)).turn == 1
        assert await store.secret() != secret


class TestLostAnswers:
    @pytest.mark.parametrize("request_id", ["r", ""])
    async def test_a_commit_whose_answer_was_lost_is_applied_once(self, server: RedisServer, request_id: str) -> None:
        async with proxied(server) as (proxy, store):
            async with store.open(KEY) as session:
                proxy.swallow()
                record = await session.commit(snapshot=b"s", request_id=request_id, data=b"d", expires_in=None)

            assert proxy.swallowed == 1
            assert record == TurnRecord(1, request_id, b"d")
            assert await all_turns(store) == [record]

    async def test_a_commit_that_never_gets_an_answer_may_be_applied_and_is_recognised_when_it_comes_again(
        self, server: RedisServer
    ) -> None:
        async with proxied(server) as (proxy, store):
            async with store.open(KEY) as session:
                proxy.swallow(answers=3)
                with pytest.raises(StoreUnavailable) as failure:
                    await session.commit(snapshot=b"s", request_id="r", data=b"d", expires_in=None)
            assert proxy.swallowed == 3
            assert failure.value.maybe_applied

            async with store.open(KEY, request_id="r", wait=LONG) as session:
                assert session.repeat == TurnRecord(1, "r", b"d")
            assert len(await all_turns(store)) == 1

    async def test_a_deletion_whose_answer_was_lost_is_not_sent_again(self, server: RedisServer) -> None:
        async with proxied(server) as (proxy, store):
            await take_turn(store)
            async with store.open(KEY) as session:
                proxy.swallow(answers=2)
                with pytest.raises(StoreUnavailable) as failure:
                    await session.delete()
                assert proxy.swallowed == 1
                proxy.swallow(answers=0)

            assert failure.value.maybe_applied
            assert await store.read(KEY) is None

    async def test_callers_that_go_away_leave_no_answer_to_others(self, store: StateStore) -> None:
        keys = [SessionKey("tenant", str(number)) for number in range(20)]
        for key in keys:
            await take_turn(store, key, snapshot=key.session_id.encode())
        choice = random.Random(1)
        answers = 0

        async def read(key: SessionKey) -> None:
            nonlocal answers
            stored = await store.read(key)
            assert stored is not None
            assert stored.snapshot == key.session_id.encode()
            answers += 1

        for _ in range(100):
            readers = [asyncio.create_task(read(choice.choice(keys))) for _ in range(20)]
            for _ in range(choice.randrange(6)):
                await asyncio.sleep(0)
            for reader in choice.sample(readers, 10):
                reader.cancel()
            for outcome in await asyncio.gather(*readers, return_exceptions=True):
                assert outcome is None or isinstance(outcome, asyncio.CancelledError)

        assert answers >= 1000


class TestFailure:
    async def test_a_server_that_hangs_is_unavailable_in_time_and_heals(
        self, store: StateStore, server: RedisServer
    ) -> None:
        async with store.open(KEY) as session:
            server.pause()
            try:
                async with asyncio.timeout(QUICK.timeout.total_seconds() + 0.5):
                    with pytest.raises(StoreUnavailable) as failure:
                        await session.commit(snapshot=b"", request_id="r", data=b"", expires_in=None)
                async with asyncio.timeout(QUICK.timeout.total_seconds() + 0.5):
                    with pytest.raises(StoreUnavailable):
                        await store.ready()
            finally:
                server.resume()
        assert failure.value.maybe_applied

        assert (await healed(store, request_id="r", wait=LONG)).turn == 1

    async def test_a_server_that_makes_its_clients_wait_is_unavailable_in_time_and_heals(
        self, store: StateStore, server: RedisServer
    ) -> None:
        server.ask("CLIENT", "PAUSE", 1000)

        async with asyncio.timeout(QUICK.timeout.total_seconds() + 0.5):
            with pytest.raises(StoreUnavailable) as failure:
                await store.read(KEY)

        assert not failure.value.maybe_applied
        await healed(store)

    async def test_a_connection_that_went_silent_is_replaced(self, server: RedisServer) -> None:
        async with proxied(server) as (proxy, store):
            proxy.silence()
            with pytest.raises(StoreUnavailable):
                await store.ready()

            await store.ready()

    async def test_what_was_acknowledged_outlives_a_killed_server(self, store: StateStore, server: RedisServer) -> None:
        acknowledged: dict[str, int] = {}
        enough = asyncio.Event()

        async def write(key: SessionKey) -> None:
            while True:
                acknowledged[key.session_id] = (await take_turn(store, key, wait=LONG)).turn
                if sum(acknowledged.values()) >= 300:
                    enough.set()

        keys = [SessionKey("tenant", str(number)) for number in range(8)]
        writers = [asyncio.create_task(write(key)) for key in keys]
        await enough.wait()
        server.kill()
        outcomes = await asyncio.gather(*writers, return_exceptions=True)
        server.start()

        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        for key in keys:
            turns = await all_turns(store, key)
            assert [turn.turn for turn in turns] == list(range(1, len(turns) + 1))
            assert acknowledged[key.session_id] <= len(turns) <= acknowledged[key.session_id] + 1
            assert (await take_turn(store, key, wait=LONG)).turn == len(turns) + 1

    async def test_a_full_server_refuses_commits_and_lets_sessions_end(
        self, store: StateStore, server: RedisServer
    ) -> None:
        await take_turn(store, snapshot=b"before")
        server.ask("CONFIG", "SET", "maxmemory", 1)
        try:
            with pytest.raises(StoreFull):
                await take_turn(store)
            stored = await store.read(KEY)
            assert stored is not None
            assert (stored.snapshot, stored.version) == (b"before", 1)

            async with store.open(KEY, wait=LONG) as session:
                await session.delete()
            assert await store.read(KEY) is None
        finally:
            server.ask("CONFIG", "SET", "maxmemory", 0)

    @pytest.mark.parametrize(
        "damage",
        [
            ("HDEL", SESSION, "turn:3"),
            ("HDEL", SESSION, "standing"),
            ("HDEL", SESSION, "snapshot"),
            ("HSET", SESSION, "standing", "4 x 00000000"),
            ("HSET", SESSION, "turn:3", "x"),
            ("HSET", SESSION, "snapshot", ""),
            ("HSET", SESSION, "expires_at", "soon"),
            ("SET", SESSION, "something else"),
        ],
        ids=" ".join,
    )
    async def test_what_is_missing_or_foreign_is_reported(
        self, store: StateStore, server: RedisServer, damage: tuple[str, ...]
    ) -> None:
        for _ in range(5):
            await take_turn(store)
        server.ask(*damage)

        with pytest.raises(SessionCorrupt):
            async with store.open(KEY, recent=4):
                pass

    async def test_a_missing_record_ends_no_history(self, store: StateStore, server: RedisServer) -> None:
        for _ in range(5):
            await take_turn(store)
        server.ask("HDEL", SESSION, "turn:3")

        with pytest.raises(SessionCorrupt):
            await all_turns(store)

    async def test_what_belongs_to_another_session_is_not_given_out(
        self, store: StateStore, server: RedisServer
    ) -> None:
        other = SessionKey("another tenant", KEY.session_id)
        await take_turn(store, other)
        server.ask("RENAME", f"parley:{{{other.digest}}}", SESSION)

        for reading in (store.read(KEY), store.read_turns(KEY), take_turn(store)):
            with pytest.raises(SessionCorrupt):
                await reading


class TestLeases:
    async def test_writers_on_several_stores_all_get_their_turn(self, server: RedisServer) -> None:
        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(opened(server.url)) for _ in range(3)]

            turns = await asyncio.gather(*(take_turn(stores[number % 3], wait=LONG) for number in range(50)))

            assert sorted(turn.turn for turn in turns) == list(range(1, 51))

    async def test_stores_take_turns(self, server: RedisServer) -> None:
        order: list[int] = []

        async def turn(number: int) -> None:
            async with stores[number].open(KEY, wait=LONG) as session:
                order.append(number)
                await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(opened(server.url)) for _ in range(2)]
            async with stores[0].open(KEY):
                turns = [asyncio.create_task(turn(number)) for number in [0] * 10 + [1]]
                await until(lambda: server.ask("LLEN", f"{SESSION}:queue") == 1)
            await asyncio.gather(*turns)

        assert order.index(1) <= 1

    async def test_a_waiter_that_was_killed_holds_up_nobody(self, store: StateStore, server: RedisServer) -> None:
        lease = timedelta(seconds=1)
        async with opened(server.url, StoreOptions(lease=lease)) as other:
            async with other.open(KEY), Rival.start(server.url, KEY, lease=lease) as rival:
                await rival.order("hold")
                await until(lambda: server.ask("LLEN", f"{SESSION}:queue") == 1)
                rival.signal(signal.SIGKILL)

            assert (await take_turn(store, wait=LONG)).turn == 1

    async def test_who_gave_up_waiting_leaves_the_queue(self, store: StateStore, server: RedisServer) -> None:
        async with opened(server.url) as other, other.open(KEY):
            with pytest.raises(SessionBusy):
                await take_turn(store, wait=timedelta(milliseconds=50))

            assert server.ask("LLEN", f"{SESSION}:queue") == 0

    async def test_closing_frees_what_was_held(self, store: StateStore, server: RedisServer) -> None:
        async with opened(server.url) as other, other.open(KEY):
            await other.close()

            assert (await take_turn(store)).turn == 1


class TestWatching:
    async def test_no_wake_up_is_lost_with_the_connection_that_brings_it(
        self, store: StateStore, server: RedisServer
    ) -> None:
        async with opened(server.url) as other, store.watch(KEY) as wakes:
            assert server.ask("CLIENT", "KILL", "TYPE", "pubsub") == 1
            await take_turn(other)

            async with asyncio.timeout(LONG.total_seconds()):
                await anext(wakes)
            await until(lambda: followers(server) == 1)

    async def test_nothing_is_followed_once_nobody_watches(self, store: StateStore, server: RedisServer) -> None:
        async with store.watch(KEY), store.watch(KEY):
            assert followers(server) == 1
        await take_turn(store)

        await until(lambda: followers(server) == 0)
