"""A store in a few plain steps, each of which a broken build can leave out or misplace.

It takes no leases: that a turn is safe without them is what its compare is for.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from parley_server.errors import TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.memory import InMemoryStore
from parley_server.stores.protocol import OpenSession, StoredSession, TurnRecord


class PlainStore(InMemoryStore):
    """Keeps snapshots and logs in two maps. What does not concern turns is the memory store's."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshots: dict[Hashable, StoredSession] = {}
        self.logs: dict[Hashable, list[TurnRecord]] = {}
        self.meeting: asyncio.Barrier | None = None
        """Where all who commit wait for each other first, so that they race."""
        self.sends = 1
        """How often the driver sends each commit; its last answer counts."""

    def crash(self) -> None:
        """Loses what a killed process would."""

    def name(self, key: SessionKey) -> Hashable:
        """What a session is kept under."""
        return key

    def find(self, name: Hashable, request_id: str) -> TurnRecord | None:
        """The turn that has the request_id."""
        return next((record for record in self.logs.get(name, ()) if record.request_id == request_id), None)

    def compare(self, opened: StoredSession | None, now: StoredSession | None) -> None:
        """Refuses a commit to a session that has moved on since it was opened."""
        if opened != now:
            raise TurnConflict

    def commit(self, name: Hashable, opened: StoredSession | None, snapshot: bytes, new: TurnRecord) -> TurnRecord:
        """The duplicate check, the compare and the write, in one step."""
        if repeat := self.find(name, new.request_id):
            return repeat
        self.compare(opened, self.snapshots.get(name))
        self.write(name, StoredSession(snapshot, new.turn, None), new)
        return new

    def write(self, name: Hashable, session: StoredSession, record: TurnRecord) -> None:
        """Writes the state and the turn together."""
        self.snapshots[name] = session
        self.logs.setdefault(name, []).append(record)

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        return self._open(self.name(key), request_id)

    async def read(self, key: SessionKey) -> StoredSession | None:
        return self.snapshots.get(self.name(key))

    async def read_turns(
        self, key: SessionKey, *, after: int = 0, page_bytes: int = 512 * 1024
    ) -> tuple[TurnRecord, ...]:
        return tuple(record for record in self.logs.get(self.name(key), ()) if record.turn > after)

    @asynccontextmanager
    async def _open(self, name: Hashable, request_id: str) -> AsyncIterator[OpenSession]:
        yield _Opened(self, name, request_id)


class _Opened(OpenSession):
    def __init__(self, store: PlainStore, name: Hashable, request_id: str) -> None:
        self._store = store
        self._name = name
        self._stored = store.snapshots.get(name)
        self._repeat = store.find(name, request_id)

    @property
    def stored(self) -> StoredSession | None:
        return self._stored

    @property
    def recent(self) -> tuple[TurnRecord, ...]:
        return ()

    @property
    def repeat(self) -> TurnRecord | None:
        return self._repeat

    async def commit(
        self, *, snapshot: bytes, request_id: str, data: bytes, expires_in: timedelta | None
    ) -> TurnRecord:
        if self._store.meeting:
            await self._store.meeting.wait()
        new = TurnRecord(self._stored.version + 1 if self._stored else 1, request_id, data)
        results = [self._store.commit(self._name, self._stored, snapshot, new) for _ in range(self._store.sends)]
        return results[-1]

    async def delete(self) -> None:
        raise NotImplementedError
