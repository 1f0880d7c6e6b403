"""The Redis store: what a turn does, in terms of scripts and leases.

    open    ─► the turnstile of this object ─► script `acquire`: lease, snapshot, version, last records, repeat
    commit  ─► script `commit`: compare, append, expiry, news, lease ─► the turnstile

This module must not know how the servers are reached.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from types import TracebackType

from parley_server.errors import SessionCorrupt, StoreUnavailable, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability, OpenSession, StoredSession, TurnRecord
from parley_server.stores.redis.fitness import verify, verify_later
from parley_server.stores.redis.frames import EVERY_SESSION, MILLISECOND, Loaded, SessionFrames, Unreadable
from parley_server.stores.redis.leases import Leases
from parley_server.stores.redis.news import News
from parley_server.stores.redis.nodes import Nodes
from parley_server.stores.redis.scripts import Scripts
from parley_server.stores.redis.url import RedisUrl, parse_url
from parley_server.stores.turnstile import Turnstile
from parley_server.stores.watchers import Watchers

_REMEMBERED = 128
_PAGE_RECORDS = 500
_LOOK_EVERY = timedelta(seconds=1)


async def open_url(url: str, options: StoreOptions) -> "RedisStore":
    """Opens `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`; see `parley_server.stores.redis.url`.

    Raises:
        InvalidSettings: The URL can not be understood, or a server is unfit.
        StoreUnavailable: A server does not answer.
    """
    return await RedisStore.connect(parse_url(url), options)


class RedisStore:
    """Keeps sessions in a Redis server, or in a Cluster of them, which any number of hosts may share. Use `connect`.

    | persistence of Redis | durability | parley killed | Redis killed | its host loses power | its host is lost |
    | --- | --- | --- | --- | --- | --- |
    | none, or snapshots alone | process | kept | lost since the last snapshot | the same | lost |
    | `appendfsync everysec` | process | kept | kept | the last second is lost | lost |
    | `appendfsync always` | disk | kept | kept | kept | lost |
    | any, with `wait=N` in the URL | replicated | kept | as above | as above | kept if who confirmed is promoted |
    | any, with `eviction=allow` | none | kept until the memory is full | as above | as above | lost |

    Without `wait=N` a failover loses what the new master had not received, with any persistence.
    """

    def __init__(self, url: RedisUrl, options: StoreOptions, nodes: Nodes, durability: Durability) -> None:
        self.durability = durability
        self._shared = _Shared(nodes, options, confirms=url.replicas > 0)
        self._watchers = Watchers(self._look, every=_LOOK_EVERY)

    @classmethod
    async def connect(cls, url: RedisUrl, options: StoreOptions | None = None) -> "RedisStore":
        """Connects to the servers, and checks that they are fit.

        Raises:
            InvalidSettings: A server is unfit.
            StoreUnavailable: A server does not answer.
        """
        options = options or StoreOptions()
        nodes = Nodes(url.topology, timeout=options.timeout, replicas=url.replicas)
        try:
            durability = await verify(nodes, url, within=options.timeout)
            nodes.guard(partial(verify_later, url=url, asked=options.durability))
        except BaseException:
            await nodes.close()
            raise
        return cls(url, options, nodes, durability)

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        """See `StateStore.open`."""
        return _Hold(self._shared, key, request_id=request_id, recent=recent, wait=wait)

    async def read(self, key: SessionKey) -> StoredSession | None:
        """See `StateStore.read`."""
        frames = SessionFrames(key)
        with _readable(key):
            return frames.read_session(await self._shared.nodes.run(self._shared.scripts.load, frames.keys)).stored

    async def read_turns(
        self, key: SessionKey, *, after: int = 0, page_bytes: int = 512 * 1024
    ) -> tuple[TurnRecord, ...]:
        """See `StateStore.read_turns`."""
        frames, first = SessionFrames(key), max(after, 0) + 1
        with _readable(key):
            answer = await self._shared.nodes.run(
                self._shared.scripts.page, frames.keys, first - 1, page_bytes, _PAGE_RECORDS
            )
            if answer is None:
                return ()
            standing, records = answer
            frames.read_standing(standing)
            return tuple(frames.read_record(turn, record) for turn, record in enumerate(records, first))

    @asynccontextmanager
    async def watch(self, key: SessionKey) -> AsyncIterator[AsyncIterator[None]]:
        """See `StateStore.watch`."""

        def notify(_: bytes) -> None:
            self._watchers.notify(key)

        async with self._watchers.watch(key) as wakes, self._shared.news.following(SessionFrames(key).changes, notify):
            yield wakes

    async def scan(self) -> AsyncIterator[StoredSession]:
        """See `StateStore.scan`. Sessions whose slots move between the servers of a Cluster meanwhile may be missed."""
        damaged = 0
        async for names in self._shared.nodes.scan(EVERY_SESSION):
            for session in await asyncio.gather(*(self._read_named(name) for name in names)):
                if isinstance(session, Unreadable):
                    damaged += 1
                elif session is not None:
                    yield session
        if damaged:
            raise SessionCorrupt("", f"a scan met {damaged} of them")

    async def sweep(self) -> int:
        """See `StateStore.sweep`. Redis itself removes what has expired, so it is always 0."""
        await self.ready()
        return 0

    async def secret(self) -> bytes:
        """See `StateStore.secret`."""
        shared = self._shared
        secret: bytes = await shared.nodes.run(shared.scripts.secret, [b"parley:secret"], secrets.token_bytes(32))
        return secret

    async def ready(self) -> None:
        """See `StateStore.ready`."""
        await self.secret()

    async def close(self) -> None:
        """See `StateStore.close`."""
        self._watchers.close()
        await self._shared.close()

    async def _read_named(self, name: bytes) -> StoredSession | Unreadable | None:
        try:
            answer = await self._shared.nodes.run(self._shared.scripts.load, [name])
            return None if answer is None else SessionFrames.of_snapshot(name, answer[2]).read_session(answer).stored
        except Unreadable as error:
            return error

    async def _look(self, keys: Sequence[SessionKey]) -> list[bytes | None]:
        run, standing = self._shared.nodes.run, self._shared.scripts.standing
        found: list[bytes | None] = await asyncio.gather(*(run(standing, SessionFrames(key).keys) for key in keys))
        return found


class _Shared:
    """What the sessions of one store object have in common."""

    def __init__(self, nodes: Nodes, options: StoreOptions, *, confirms: bool) -> None:
        self.nodes = nodes
        self.scripts = Scripts()
        self.news = News(nodes.listen)
        self.leases = Leases(nodes, self.scripts, self.news, options.lease)
        self.turnstile = Turnstile()
        self.confirms = confirms

    async def close(self) -> None:
        self.turnstile.close()
        await self.leases.close()
        await self.news.close()
        await self.nodes.close()


class _Hold(AbstractAsyncContextManager[OpenSession]):
    """A session under its lease: first that of this store object, then that among all of them."""

    def __init__(self, shared: _Shared, key: SessionKey, *, request_id: str, recent: int, wait: timedelta) -> None:
        self._shared = shared
        self._key = key
        self._frames = SessionFrames(key)
        self._request_id = request_id
        self._recent = recent
        self._wait = wait
        self._token = ""
        self._loaded = Loaded()

    @property
    def stored(self) -> StoredSession | None:
        return self._loaded.stored

    @property
    def recent(self) -> tuple[TurnRecord, ...]:
        return self._loaded.recent

    @property
    def repeat(self) -> TurnRecord | None:
        return self._loaded.repeat

    async def __aenter__(self) -> OpenSession:
        due = asyncio.get_running_loop().time() + self._wait.total_seconds() if self._wait else None
        await self._shared.turnstile.enter(self._key, self._wait)
        self._token = self._shared.leases.nonce()
        try:
            await self._load(due)
        except BaseException as error:
            await self._leave(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave(error)

    async def commit(
        self, *, snapshot: bytes, request_id: str, data: bytes, expires_in: timedelta | None
    ) -> TurnRecord:
        """See `OpenSession.commit`."""
        shared, frames, opened = self._shared, self._frames, self._loaded.standing
        nonce = shared.leases.nonce()
        standing = frames.after_commit(opened, nonce)
        record = TurnRecord(standing.version, request_id, bytes(data))
        with _readable(self._key):
            answer = await shared.nodes.run(
                shared.scripts.commit,
                frames.keys,
                self._token,
                opened.text,
                standing.text,
                record.turn,
                frames.snapshot(standing, bytes(snapshot)),
                nonce,
                frames.record(record, nonce),
                request_id,
                "" if expires_in is None else -(-expires_in // MILLISECOND),
                _REMEMBERED,
                shared.leases.grace_ms,
                frames.changes,
            )
            if isinstance(answer, list):
                turn, frame = answer
                return await self._confirmed(frames.read_record(int(turn), frame))
        self._ended(answer)
        return record

    async def delete(self) -> None:
        """See `OpenSession.delete`."""
        shared, frames = self._shared, self._frames
        if self._loaded.stored is None:
            raise ValueError("a new session can not be deleted")
        opened = self._loaded.standing.text
        with _readable(self._key):
            answer = await shared.nodes.run(
                shared.scripts.delete, frames.keys, self._token, opened, shared.leases.grace_ms, frames.changes
            )
        self._ended(answer)

    async def _load(self, due: float | None) -> None:
        with _readable(self._key):
            answer = await self._shared.leases.take(
                self._token, self._frames.keys, due=due, request_id=self._request_id, recent=self._recent
            )
            self._loaded = self._frames.read_session(answer)
        if self._loaded.repeat is not None:
            await self._confirmed(self._loaded.repeat)

    async def _confirmed(self, repeat: TurnRecord) -> TurnRecord:
        """Returns a turn of an earlier commit when it is as durable as the store says: that commit may have failed."""
        if self._shared.confirms:
            await self._shared.nodes.run(self._shared.scripts.affirm, self._frames.keys)
        return repeat

    def _ended(self, done: int) -> None:
        """The script has given the lease up if it has `done` what it was to do."""
        if not done:
            raise TurnConflict
        if self._token:
            self._shared.leases.forget(self._token)
            self._token = ""
            self._shared.turnstile.leave(self._key)

    async def _leave(self, error: BaseException | None) -> None:
        if not self._token:
            return
        ending = self._shared.leases.give_up(self._token, self._frames.keys)
        self._token = ""
        if isinstance(error, StoreUnavailable):
            # Neither who was told that the store does not answer nor who is next need wait for that once more.
            self._shared.turnstile.turn_away(self._key)
            return
        ending.add_done_callback(lambda _: self._shared.turnstile.leave(self._key))
        await asyncio.shield(ending)


@contextlib.contextmanager
def _readable(key: SessionKey) -> Iterator[None]:
    try:
        yield
    except Unreadable as error:
        raise SessionCorrupt(key.session_id, str(error)) from error
