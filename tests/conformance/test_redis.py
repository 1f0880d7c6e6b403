import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from support.redis_servers import ON_DISK, RedisServer

from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore
from parley_server.stores.redis import RedisStore, open_url
from parley_server.testing.backing import Backing
from parley_server.testing.contract.lifetime import HOUR, MOMENT
from parley_server.testing.contract.scene import KEY, take_turn
from parley_server.testing.store_contract import StoreContract


class RedisBacking(Backing):
    def __init__(self, server: RedisServer, database: int = 0) -> None:
        self._server = server
        self._database = database

    async def open(self) -> RedisStore:
        return await open_url(self.url(), StoreOptions())

    async def another(self) -> RedisStore:
        return await self.open()

    def elsewhere(self) -> "RedisBacking":
        return RedisBacking(self._server, database=1)

    def url(self) -> str:
        return f"{self._server.url}/{self._database}"

    def advance(self, by: timedelta) -> None:
        self._server.age(by // timedelta(milliseconds=1))

    async def damage_snapshot(self, key: SessionKey) -> None:
        self._damage(key, "snapshot")

    async def damage_turn(self, key: SessionKey, turn: int) -> None:
        self._damage(key, f"turn:{turn}")

    async def vanish(self) -> None:
        self._server.kill()

    async def come_back(self) -> None:
        self._server.start()

    def effort(self) -> int:
        return self._server.count_commands()

    def _damage(self, key: SessionKey, field: str) -> None:
        session = f"parley:{{{key.digest}}}"
        value = bytearray(self._server.ask("HGET", session, field))
        value[-1] ^= 1
        assert self._server.ask("HSET", session, field, bytes(value)) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), *ON_DISK) as server:
        yield server


class TestRedisStore(StoreContract):
    @pytest.fixture
    def backing(self, server: RedisServer) -> RedisBacking:
        server.ask("FLUSHALL")
        return RedisBacking(server)

    async def test_s12_a_commit_starts_the_time_anew_and_reading_does_not(
        self, backing: Backing, store: StateStore
    ) -> None:
        """Redis goes by its own clock, which no test can move: what is left to the sessions moves instead."""
        await take_turn(store, expires_in=HOUR)
        backing.advance(HOUR / 2)
        await take_turn(store, expires_in=HOUR)
        stored = await store.read(KEY)
        backing.advance(HOUR / 2)
        assert await store.read(KEY) == stored
        async with store.open(KEY):
            pass

        backing.advance(HOUR / 2)

        assert await store.read(KEY) is None

    async def test_s12_sweeping_removes_what_expired_and_nothing_else(
        self, backing: Backing, store: StateStore
    ) -> None:
        """Redis has removed it before anybody sweeps."""
        keys = [SessionKey("tenant", str(number)) for number in range(15)]
        for key, expires_in in zip(keys, itertools.cycle((HOUR, None, 3 * HOUR)), strict=False):
            await take_turn(store, key, expires_in=expires_in)
        backing.advance(HOUR + MOMENT)

        assert await store.sweep() == 0
        assert [await store.read(key) is None for key in keys] == [number % 3 == 0 for number in range(15)]
