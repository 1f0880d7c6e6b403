from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore
from parley_server.stores.sqlite import SqliteStore
from parley_server.testing.backing import Backing
from parley_server.testing.clock import ManualClock
from parley_server.testing.store_contract import StoreContract


class SqliteBacking(Backing):
    def __init__(self, path: Path) -> None:
        self._clock = ManualClock()
        self._path = path
        self._steps = 0
        self._connections: list[apsw.Connection] = []

    async def open(self) -> StateStore:
        return await SqliteStore.connect(self._path, StoreOptions(clock=self._clock))

    async def another(self) -> StateStore:
        return await self.open()

    def elsewhere(self) -> "SqliteBacking":
        return SqliteBacking(self._path.with_name("elsewhere.db"))

    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def advance(self, by: timedelta) -> None:
        self._clock.advance(by)

    async def damage_snapshot(self, key: SessionKey) -> None:
        self._change("UPDATE sessions SET snapshot = CAST('damaged' AS BLOB) WHERE key = ?", key)

    async def damage_turn(self, key: SessionKey, turn: int) -> None:
        session = "(SELECT id FROM sessions WHERE key = ?)"
        self._change(f"UPDATE turns SET data = zeroblob(4) WHERE session = {session} AND turn = {turn}", key)

    async def vanish(self) -> None:
        self._path.rename(self._path.with_suffix(".away"))

    async def come_back(self) -> None:
        self._path.with_suffix(".away").rename(self._path)

    def effort(self) -> int:
        return self._steps

    def hurry(self) -> None:
        for connection in self._connections:
            connection.execute("PRAGMA synchronous = OFF")

    def attach(self, connection: apsw.Connection) -> None:
        if connection.filename == str(self._path):
            self._connections.append(connection)

        def count(event: dict[str, Any]) -> None:
            self._steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)

    def _change(self, statement: str, key: SessionKey) -> None:
        with closing(apsw.Connection(str(self._path))) as connection:
            connection.execute(statement, (bytes.fromhex(key.digest),))
            assert connection.changes() == 1


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def backing(self, tmp_path: Path) -> AsyncIterator[SqliteBacking]:
        backing = SqliteBacking(tmp_path / "sessions.db")
        apsw.connection_hooks.append(backing.attach)
        yield backing
        apsw.connection_hooks.remove(backing.attach)
