"""Every store does what a few lines of Python do that keep sessions in a dictionary, in whatever order it is asked."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from parley_server.errors import SessionBusy, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.file import FileStore
from parley_server.stores.memory import InMemoryStore
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import OpenSession, StateStore, StoredSession, TurnRecord
from parley_server.stores.sqlite import SqliteStore
from parley_server.testing.clock import ManualClock

T = TypeVar("T")

KEYS = st.sampled_from([SessionKey("t", "a"), SessionKey("t", "A")])
REQUESTS = st.sampled_from(["", "r1", "r2", "r3"])
IDLE = st.sampled_from([None, timedelta(seconds=5), timedelta(seconds=10)])
VALUES = st.binary(max_size=20)


@dataclass(eq=False)
class Session:
    """What the model keeps of a session."""

    snapshot: bytes = b""
    expires_at: datetime | None = None
    turns: list[TurnRecord] = field(default_factory=list)

    def repeat(self, request_id: str) -> TurnRecord | None:
        return next((turn for turn in self.turns if request_id and turn.request_id == request_id), None)


@dataclass
class Opened:
    """A session that is open, in the store and in the model."""

    context: AbstractAsyncContextManager[OpenSession]
    session: OpenSession
    model: Session | None
    spent: bool = False


class StoreMachine(RuleBasedStateMachine):
    """A store beside its model. Leases last longer than the machine lets pass."""

    connect: ClassVar[Callable[[Path, StoreOptions], Awaitable[StateStore]]]

    def __init__(self) -> None:
        super().__init__()
        self._directory = Path(tempfile.mkdtemp())
        self._clock = ManualClock()
        self._runner = asyncio.Runner()
        options = StoreOptions(clock=self._clock, lease=timedelta(days=1))
        self._store = self._run(type(self).connect(self._directory, options))
        self._sessions: dict[SessionKey, Session] = {}
        self._open: dict[SessionKey, Opened] = {}

    def teardown(self) -> None:
        self._run(self._store.close())
        self._runner.close()
        shutil.rmtree(self._directory)

    @rule(key=KEYS, request_id=REQUESTS, recent=st.integers(0, 3))
    def open(self, key: SessionKey, request_id: str, recent: int) -> None:
        context = self._store.open(key, request_id=request_id, recent=recent)
        if key in self._open and not self._open[key].spent:
            with pytest.raises(SessionBusy):
                self._run(context.__aenter__())
            return

        session = self._run(context.__aenter__())

        model = self._live(key)
        assert session.stored == self._stored(key)
        assert session.recent == (tuple(model.turns[-recent:]) if model and recent else ())
        assert session.repeat == (model.repeat(request_id) if model else None)
        self._open[key] = Opened(context, session, model)

    @rule(key=KEYS)
    def leave(self, key: SessionKey) -> None:
        if opened := self._open.pop(key, None):
            self._run(opened.context.__aexit__(None, None, None))

    @rule(key=KEYS, request_id=REQUESTS, snapshot=VALUES, data=VALUES, idle=IDLE)
    def commit(self, key: SessionKey, request_id: str, snapshot: bytes, data: bytes, idle: timedelta | None) -> None:
        opened = self._open.get(key)
        if opened is None:
            return
        committing = opened.session.commit(snapshot=snapshot, request_id=request_id, data=data, expires_in=idle)
        live = self._live(key)
        if live is not None and (repeat := live.repeat(request_id)):
            assert self._run(committing) == repeat
            # Whether that spends the lease is the store's choice.
            self.leave(key)
        elif opened.spent or live is not opened.model:
            with pytest.raises(TurnConflict):
                self._run(committing)
            self.leave(key)
        else:
            model = live or self._sessions.setdefault(key, Session())
            model.turns.append(TurnRecord(len(model.turns) + 1, request_id, data))
            model.snapshot = snapshot
            model.expires_at = None if idle is None else self._clock() + idle
            assert self._run(committing) == model.turns[-1]
            opened.spent = True

    @rule(key=KEYS)
    def delete(self, key: SessionKey) -> None:
        opened = self._open.get(key)
        if opened is None or opened.model is None:
            return
        if opened.spent or self._live(key) is not opened.model:
            with pytest.raises(TurnConflict):
                self._run(opened.session.delete())
            self.leave(key)
        else:
            self._run(opened.session.delete())
            del self._sessions[key]
            opened.spent = True

    @rule(seconds=st.integers(1, 6))
    def wait(self, seconds: int) -> None:
        self._clock.advance(timedelta(seconds=seconds))

    @rule()
    def sweep(self) -> None:
        self._run(self._store.sweep())

    @rule()
    def scan(self) -> None:
        async def scanned() -> list[StoredSession]:
            return [session async for session in self._store.scan()]

        assert set(self._run(scanned())) == {self._stored(key) for key in list(self._sessions)} - {None}

    @rule(key=KEYS, after=st.integers(-1, 5), page_bytes=st.integers(0, 60))
    def read_page(self, key: SessionKey, after: int, page_bytes: int) -> None:
        page = self._run(self._store.read_turns(key, after=after, page_bytes=page_bytes))

        model = self._live(key)
        rest = model.turns[max(after, 0) :] if model else []
        assert list(page) == rest[: len(page)]
        assert bool(page) == bool(rest)
        assert len(page) <= 1 or sum(len(turn.data) for turn in page) <= page_bytes

    @invariant()
    def every_session_reads_as_the_model_has_it(self) -> None:
        for key in (SessionKey("t", "a"), SessionKey("t", "A"), SessionKey("t", "never")):
            assert self._run(self._store.read(key)) == self._stored(key)

    def _run(self, what: Awaitable[T]) -> T:
        async def wait() -> T:
            return await what

        return self._runner.run(wait())

    def _live(self, key: SessionKey) -> Session | None:
        session = self._sessions.get(key)
        if session is not None and session.expires_at is not None and session.expires_at <= self._clock():
            del self._sessions[key]
            return None
        return session

    def _stored(self, key: SessionKey) -> StoredSession | None:
        session = self._live(key)
        return None if session is None else StoredSession(session.snapshot, len(session.turns), session.expires_at)


async def connect_memory(_: Path, options: StoreOptions) -> StateStore:
    return InMemoryStore(clock=options.clock)


async def connect_sqlite(directory: Path, options: StoreOptions) -> StateStore:
    return await SqliteStore.connect(directory / "sessions.db", options)


async def connect_file(directory: Path, options: StoreOptions) -> StateStore:
    return await FileStore.connect(directory / "sessions", options)


@pytest.mark.parametrize("connect", [connect_memory, connect_sqlite, connect_file])
def test_a_store_does_what_the_model_does(connect: Callable[[Path, StoreOptions], Awaitable[StateStore]]) -> None:
    machine = type("Machine", (StoreMachine,), {"connect": staticmethod(connect)})

    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))
