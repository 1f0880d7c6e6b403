"""In which order a batch of jobs is done, and what becomes of them when the database fails.

Everything here blocks, and belongs in the store's thread. This module must not know asyncio.
"""

import contextlib
import errno
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import apsw

from parley_server.errors import InvalidSettings, SessionBusy, SessionCorrupt, StoreFull, StoreUnavailable, TurnConflict
from parley_server.stores.holds import Unreadable
from parley_server.stores.leases import LeaseTable
from parley_server.stores.mounts import refuse_network
from parley_server.stores.options import StoreOptions
from parley_server.stores.sqlite.database import is_damage
from parley_server.stores.sqlite.tables import SessionTables
from parley_server.stores.sqlite.thread import AnyJob, Publish, Step

logger = logging.getLogger(__name__)


class BatchRunner:
    """Does batches of jobs on one database, and opens it again after it has failed."""

    def __init__(self, path: Path, options: StoreOptions) -> None:
        """Makes the database if it is not there, and opens it.

        Raises:
            InvalidSettings: It is unfit.
            StoreUnavailable: It can not be opened.
        """
        self._path = path.resolve()
        self._clock = options.clock
        self._lease = options.lease
        # Half of what a job may take, so that one that waits for another process can still say so.
        self._busy = options.timeout / 2
        self._suspect = False
        try:
            refuse_network(self._path)
            self._tables: SessionTables | None = SessionTables(self._path, create=True, timeout=self._busy)
            self._secret = self._tables.secret()
            self._leases: LeaseTable | None = None
            self._join()
        except (apsw.Error, OSError) as error:
            raise StoreUnavailable(f"the database {path} can not be opened: {error}") from error

    def run(self, jobs: list[AnyJob], publish: Publish) -> None:
        """Does jobs: first what concerns leases, then reads, and at last all writes in one transaction."""
        writes = [job for job in jobs if job.writes]
        others = [job for job in jobs if not job.writes]
        try:
            tables = self._connect()
        except (apsw.Error, OSError, InvalidSettings) as error:
            self._fail(jobs, error)
            publish(jobs)
            return
        try:
            leases = self._join()
        except (apsw.Error, OSError) as error:
            # A disk that has no room for leases can still be read.
            self._fail([job for job in jobs if job.step is not Step.READ], error)
            self._read(tables, [job for job in jobs if not job.done])
            publish(jobs)
            return
        if others:
            self._change_leases(leases, [job for job in others if job.step is not Step.READ])
            self._read(tables, [job for job in others if not job.done])
            publish(others)
        if writes:
            self._write(tables, leases, writes)
            self._drop(leases, [job.digest for job in writes if job.step is Step.COMMIT])
            publish(writes)

    def close(self) -> None:
        """Gives up the leases and closes the database."""
        self._disconnect()
        self._leave()

    def _connect(self) -> SessionTables:
        if self._suspect or (self._tables is not None and self._tables.moved()):
            self._disconnect()
        if self._tables is None:
            # What is gone may come back: an empty database in its place would lose every session.
            tables = SessionTables(self._path, create=False, timeout=self._busy)
            if tables.secret() != self._secret:
                tables.close()
                raise InvalidSettings(f"{self._path} is another database than the one that was opened")
            self._tables = tables
            self._suspect = False
        return self._tables

    def _join(self) -> LeaseTable:
        if self._leases is None:
            directory = self._path.with_name(f"{self._path.name}-leases")
            self._leases = LeaseTable(directory, lease=self._lease, timeout=self._busy)
        return self._leases

    def _disconnect(self) -> None:
        tables, self._tables = self._tables, None
        if tables is not None:
            with contextlib.suppress(apsw.Error):
                tables.close()

    def _leave(self) -> None:
        leases, self._leases = self._leases, None
        if leases is not None:
            with contextlib.suppress(apsw.Error, OSError):
                leases.close()

    def _change_leases(self, leases: LeaseTable, jobs: Sequence[AnyJob]) -> None:
        """Does what concerns leases, in the order in which it came: who gave up opening releases after it."""
        if not jobs:
            return
        try:
            with leases.transaction():
                # Only here: while it waited to begin, others may have taken leases later than before the wait.
                now = self._clock()
                for job in jobs:
                    _change_lease(leases, job, now)
        except (apsw.Error, OSError) as error:
            for job in jobs:
                leases.forget(job.digest)
            self._fail(jobs, error)
            if not isinstance(error, apsw.BusyError):
                self._leave()

    def _read(self, tables: SessionTables, jobs: Sequence[AnyJob]) -> None:
        if not jobs:
            return
        try:
            with tables.reading():
                for job in jobs:
                    self._read_one(tables, job)
        except apsw.Error as error:
            self._fail(jobs, error)

    def _read_one(self, tables: SessionTables, job: AnyJob) -> None:
        try:
            job.finish(job.work(tables, self._clock(), True))
        except Exception as error:  # noqa: BLE001 (it is raised again where the job came from)
            self._fail([job], error)

    def _write(self, tables: SessionTables, leases: LeaseTable, jobs: Sequence[AnyJob]) -> None:
        committing = False
        try:
            tables.begin()
            for job in jobs:
                self._write_one(tables, leases, job)
            committing = True
            tables.commit()
        except Exception as error:  # noqa: BLE001 (it is raised again where the job came from)
            self._roll_back(tables)
            of_all = isinstance(error, apsw.IOError | apsw.BusyError) and (committing or not is_damage(error))
            if of_all or len(jobs) == 1:
                self._fail(jobs, error, maybe_applied=of_all and committing)
                return
            # One of them spoiled it for all.
            for job in jobs:
                job.done = False
                self._write(tables, leases, [job])

    def _write_one(self, tables: SessionTables, leases: LeaseTable, job: AnyJob) -> None:
        now = self._clock()
        held = job.step is Step.WRITE or leases.holds(job.digest, now)
        try:
            job.finish(job.work(tables, now, held))
        except (TurnConflict, Unreadable) as error:
            # These are found out before anything is written.
            self._fail([job], error)

    def _roll_back(self, tables: SessionTables) -> None:
        with contextlib.suppress(apsw.Error):
            tables.rollback()

    def _drop(self, leases: LeaseTable, digests: Sequence[bytes]) -> None:
        if not digests:
            return
        try:
            with leases.transaction():
                for digest in digests:
                    leases.drop(digest)
        except apsw.Error:
            logger.warning("leases could not be given up: they run out", exc_info=True)
            for digest in digests:
                leases.forget(digest)

    def _fail(self, jobs: Iterable[AnyJob], error: Exception, *, maybe_applied: bool = False) -> None:
        """Fails jobs, and lets the next batch open the database again if that is what failed."""
        if isinstance(error, apsw.Error) and not isinstance(error, apsw.BusyError):
            self._suspect = True
        for job in jobs:
            job.fail(_failure(job.session_id, error, maybe_applied=maybe_applied))


def _change_lease(leases: LeaseTable, job: AnyJob, now: datetime) -> None:
    if job.step is Step.OPEN:
        if not leases.take(job.digest, now):
            job.fail(SessionBusy())
    elif job.step is Step.RELEASE:
        leases.drop(job.digest)
        job.finish(None)
    else:
        leases.renew(now)
        job.finish(None)


def _failure(session_id: str, error: Exception, *, maybe_applied: bool) -> Exception:
    if (isinstance(error, Unreadable) or is_damage(error)) and session_id:
        failure: Exception = SessionCorrupt(session_id, str(error))
    elif isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
        failure = StoreFull()
    elif isinstance(error, apsw.Error | OSError | InvalidSettings):
        failure = StoreUnavailable(f"the database failed: {error}", maybe_applied=maybe_applied)
    else:
        return error
    failure.__cause__ = error
    return failure
