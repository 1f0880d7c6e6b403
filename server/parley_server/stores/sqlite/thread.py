"""The thread of an SQLite store: it does whatever has come since it last looked, so that one flush serves many turns.

This module must not know SQL, nor what the jobs do.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from parley_server.errors import StoreUnavailable
from parley_server.stores.sqlite.tables import SessionTables

T = TypeVar("T")

Work: TypeAlias = Callable[[SessionTables, datetime, bool], T]
"""What a job does: on which tables, at what time, and whether the session's lease is ours."""

logger = logging.getLogger(__name__)


class Step(Enum):
    """What a job needs around its work."""

    RENEW = "renew"
    """Lets the leases last anew."""
    RELEASE = "release"
    """Gives the session's lease up."""
    OPEN = "open"
    """Takes the session's lease first, then reads."""
    READ = "read"
    """Reads."""
    COMMIT = "commit"
    """Writes under the session's lease, and gives that up."""
    WRITE = "write"
    """Writes."""


@dataclass(slots=True, eq=False, kw_only=True)
class Job(Generic[T]):
    """Something for the thread to do. What comes of it is set there, and reaches the event loop by the future."""

    step: Step
    work: Work[T]
    session_id: str = ""
    digest: bytes = b""
    """The session that it is about."""
    future: asyncio.Future[T]
    since: float
    """When it was handed in, in seconds by the event loop's clock."""
    done: bool = False
    result: T | None = None
    error: Exception | None = None

    @property
    def writes(self) -> bool:
        """Whether it changes what is stored."""
        return self.step is Step.COMMIT or self.step is Step.WRITE

    def finish(self, result: T) -> None:
        """Sets what came of it."""
        self.done, self.result = True, result

    def fail(self, error: Exception) -> None:
        """Sets why nothing came of it."""
        self.done, self.error = True, error


AnyJob: TypeAlias = Job[Any]
Publish: TypeAlias = Callable[[Sequence[AnyJob]], None]
"""Lets the event loop know that jobs are done."""
Run: TypeAlias = Callable[[list[AnyJob], Publish], None]
"""Does jobs; each must have been finished or failed, and published, when it returns."""


class BatchThread:
    """Hands jobs to a thread. To be used on the event loop that it was made on."""

    def __init__(self, run: Run, *, at_end: Callable[[], None], timeout: timedelta) -> None:
        """Starts the thread.

        Args:
            run: Does the jobs, in the thread.
            at_end: Called in the thread when it ends.
            timeout: How long a job may take.
        """
        self._run = run
        self._at_end = at_end
        self._timeout = timeout.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._arriving: list[AnyJob] = []
        self._queue: list[AnyJob] = []
        self._arrival = threading.Condition()
        self._ending = False
        self._ended = asyncio.Event()
        self._pending: dict[AnyJob, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        threading.Thread(target=self._work, name="parley-sqlite", daemon=True).start()

    def submit(
        self,
        step: Step,
        work: Work[T],
        *,
        session_id: str = "",
        digest: bytes = b"",
    ) -> asyncio.Future[T]:
        """Hands a job in. Its future fails with StoreUnavailable if it is not done in time.

        Raises:
            StoreUnavailable: The thread has been closed.
        """
        if self._ending:
            raise StoreUnavailable("the store is closed")
        now = self._loop.time()
        future: asyncio.Future[T] = self._loop.create_future()
        job = Job(step=step, work=work, session_id=session_id, digest=digest, future=future, since=now)
        self._pending[job] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout, self._check_time)
        if not self._arriving:
            # What is handed in at one moment is taken over together.
            self._loop.call_soon(self._hand_over)
        self._arriving.append(job)
        return future

    async def close(self) -> None:
        """Lets the thread do what it was given, and ends it."""
        self._hand_over()
        with self._arrival:
            self._ending = True
            self._arrival.notify()
        with contextlib.suppress(TimeoutError):
            # A thread that hangs in the file system can not be ended; it does not keep the process from ending.
            async with asyncio.timeout(self._timeout):
                await self._ended.wait()
        if self._timer is not None:
            self._timer.cancel()

    def _hand_over(self) -> None:
        with self._arrival:
            self._queue += self._arriving
            self._arrival.notify()
        self._arriving.clear()

    def _work(self) -> None:
        while jobs := self._next():
            try:
                self._run(jobs, self._publish)
            except Exception:
                # Without its thread the store would hang.
                logger.exception("a batch of the SQLite store failed")
                for job in jobs:
                    job.fail(StoreUnavailable(maybe_applied=job.writes))
                self._publish(jobs)
        self._at_end()
        self._call(self._ended.set)

    def _next(self) -> list[AnyJob]:
        with self._arrival:
            while not self._queue and not self._ending:
                self._arrival.wait()
            jobs, self._queue = self._queue, []
        return jobs

    def _publish(self, jobs: Sequence[AnyJob]) -> None:
        self._call(self._settle, jobs)

    def _call(self, *call: Any) -> None:
        # The event loop may be closed already, when nobody has closed the store: then nobody waits either.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(*call)

    def _settle(self, jobs: Sequence[AnyJob]) -> None:
        for job in jobs:
            self._pending.pop(job, None)
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)

    def _check_time(self) -> None:
        self._timer = None
        now = self._loop.time()
        for job in list(self._pending):
            due = job.since + self._timeout
            if due > now:
                self._timer = self._loop.call_at(due, self._check_time)
                break
            begun = not self._withdraw(job)
            del self._pending[job]
            if not job.future.done():
                error = StoreUnavailable("the store did not answer in time", maybe_applied=begun and job.writes)
                job.future.set_exception(error)

    def _withdraw(self, job: AnyJob) -> bool:
        """Takes a job back unless the thread has it already, and says whether it did."""
        with self._arrival:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            return True
