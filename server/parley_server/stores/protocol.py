"""What a store of sessions promises.

A store keeps opaque bytes and knows nothing of conversations: for each session one snapshot, a version, and an
append-only log of turn records. It must not import `core`, `service` or gRPC.

The clauses; each has a test in `parley_server.testing.store_contract` that names it:

    S1   What was committed is read back unchanged: any bytes, also empty ones and 1 MiB of them.
    S2   A session that does not exist reads as None and opens as new, with version 0.
    S3   `commit` takes the snapshot and the turn record together: all or nothing, also when it is cancelled or the
         process is killed. When it has returned, the turn is as durable as `durability` says.
    S4   `commit` succeeds only if the session still stands at the version that was opened and the lease is still held:
         else TurnConflict, and nothing changes. Each commit raises the version by one, which numbers the turn.
    S5   A session that was deleted and made again is another one: whoever had opened the old one can not commit.
    S6   A commit whose request_id is already among the session's turns changes nothing and returns the turn that has
         it, also when a driver sent it twice. At least the last 128 turns are recognised. An empty request_id is none.
    S7   At most one holder has a session open at a time, in all processes that share the backing. Others wait, in order
         of arrival within a store object, up to `wait`, then SessionBusy. With `wait` zero: SessionBusy at once.
    S8   A holder that died, or whose lease ran out, blocks its session no longer than the lease lasts.
    S9   Opening gives the snapshot, the version, the last `recent` records in order, and the record whose request_id is
         the one asked for, at a cost that does not depend on how many turns the session has.
    S10  `read_turns` gives the records after a given one, in order, none left out, in pages; a page holds at least one
         record if there is one, and about `page_bytes` at most.
    S11  `delete` removes the snapshot and all records, under the lease. Deleting a new session is an error of the
         caller.
    S12  A session expires when it has been idle for as long as its last commit said, by the store's clock, and is then
         as if deleted. A commit starts the time anew; reading does not. No time given: it never expires.
    S13  `watch` wakes its reader at each commit, delete and expiry of the session after it was entered, in all
         processes that share the backing. Wake-ups may be joined together, come late or be spurious, but none is lost.
    S14  Keys differ by every character of tenant and session_id, and by letter case; no key reaches outside the store.
    S15  Bytes that were handed in or out are never shared with the store: changing them changes nothing there.
    S16  What can not be read raises SessionCorrupt for its session, at every read; it is never skipped nor overwritten,
         and other sessions are not affected.
    S17  A backing that is absent or hangs raises StoreUnavailable within the store's time-out, and `ready` says so; the
         store heals without a restart. No room left raises StoreFull.
    S18  After `close` every method raises StoreUnavailable; closing twice does not.
    S19  `secret` is the same for every store object on the same backing, and differs between backings.
    S20  `scan` gives every session that lives through it at least once, in small steps that hold up no turn and with
         little memory. One that begins or ends meanwhile may be left out. If some can not be read, SessionCorrupt says
         so when all others have been given.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, runtime_checkable

import msgspec

from parley_server.ids import SessionKey


class Durability(Enum):
    """What a committed turn outlives, from the least to the most."""

    NONE = "none"
    """Nothing: it is gone with the process."""
    PROCESS = "process"
    """The server's process being killed."""
    DISK = "disk"
    """The store's host losing power."""
    REPLICATED = "replicated"
    """The store's host being lost: another host has confirmed the turn."""

    @property
    def rank(self) -> int:
        """The place in the order, from 0."""
        return list(Durability).index(self)


class TurnRecord(msgspec.Struct, frozen=True, gc=False):
    """One turn as the store keeps it."""

    turn: int
    """The number of the turn, from 1: the version that its commit made."""
    request_id: str
    """The idempotency key; empty when there is none."""
    data: bytes
    """What the turn was, opaque to the store."""


class StoredSession(msgspec.Struct, frozen=True, gc=False):
    """A session as the store keeps it."""

    snapshot: bytes
    version: int
    """The number of committed turns, from 1."""
    expires_at: datetime | None
    """When the session expires unless a commit comes (aware, UTC); None: never."""


class OpenSession(Protocol):
    """A session that is held under a lease. Only `StateStore.open` makes one; leaving its context releases it."""

    @property
    def stored(self) -> StoredSession | None:
        """The session as it was opened; None if it is new."""

    @property
    def recent(self) -> tuple[TurnRecord, ...]:
        """The last records, in order, as many as were asked for."""

    @property
    def repeat(self) -> TurnRecord | None:
        """The record that has the request_id asked for; None if there is none."""

    async def commit(
        self, *, snapshot: bytes, request_id: str, data: bytes, expires_in: timedelta | None
    ) -> TurnRecord:
        """Makes the snapshot the session's and appends the record of the next turn.

        Returns the record that now has the request_id: the new one, or, if the request_id was there already, that one,
        and then nothing has changed.

        A lease serves one commit: it is released with it, where the store can do both in one step.

        Raises:
            TurnConflict: The session moved on, or the lease ran out. Nothing has changed.
            StoreFull: There is no room left. Nothing has changed.
            StoreUnavailable: The store failed. `maybe_applied` says whether the commit may have happened.
        """

    async def delete(self) -> None:
        """Removes the session and its records.

        Raises:
            TurnConflict: As for `commit`.
            StoreUnavailable: As for `commit`.
        """


@runtime_checkable
class StateStore(Protocol):
    """Keeps sessions. See the clauses at the top of the module."""

    @property
    def durability(self) -> Durability:
        """What a committed turn outlives with this store as it is configured, verified when the store was opened."""

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        """Takes the session's lease and loads the session. Leaving the context releases the lease.

        Args:
            key: The session.
            request_id: The record to look for; empty: none.
            recent: How many of the last records to give.
            wait: How long to wait for the lease.

        Raises:
            SessionBusy: Another holder kept the lease for longer than `wait`.
            SessionCorrupt: What is stored can not be read.
            StoreUnavailable: The store failed.
        """

    async def read(self, key: SessionKey) -> StoredSession | None:
        """Reads a session without a lease; None if there is none.

        Raises:
            SessionCorrupt: What is stored can not be read.
            StoreUnavailable: The store failed.
        """

    async def read_turns(
        self, key: SessionKey, *, after: int = 0, page_bytes: int = 512 * 1024
    ) -> tuple[TurnRecord, ...]:
        """Reads a page of the records that follow turn `after`; empty when there are none.

        Raises:
            SessionCorrupt: What is stored can not be read.
            StoreUnavailable: The store failed.
        """

    def watch(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Gives an endless iterator that yields after each change of the session since the context was entered.

        Raises:
            StoreUnavailable: The store failed. The iterator raises it too.
        """

    def scan(self) -> AsyncIterator[StoredSession]:
        """Gives all sessions, in no order. Whose they are is for their snapshots to tell.

        Raises:
            SessionCorrupt: Some of what is stored can not be read; all else has been given.
            StoreUnavailable: The store failed.
        """

    async def sweep(self) -> int:
        """Removes what has expired, in small steps that hold up no turn, and returns how many sessions that were.

        Raises:
            StoreUnavailable: The store failed.
        """

    async def secret(self) -> bytes:
        """Returns 32 random bytes that were made once for this backing and are kept in it.

        Raises:
            StoreUnavailable: The store failed.
        """

    async def ready(self) -> None:
        """Returns if the store can serve.

        Raises:
            StoreUnavailable: It can not.
        """

    async def close(self) -> None:
        """Frees what the store holds. Sessions that are open can not commit afterwards."""
