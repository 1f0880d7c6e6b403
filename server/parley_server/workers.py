"""Several workers on one port: each a process with its own event loop, as one loop can not use a second core.

The kernel spreads connections over the workers. They share the store, so any of them serves any session. The parent
process serves nothing: it passes signals on, and starts a worker again that died.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from parley_server import app, logs
from parley_server.errors import InvalidSettings, ParleyError
from parley_server.settings import Settings
from parley_server.stores.registry import open_store

logger = logging.getLogger(__name__)

_SHORT_LIFE = 5.0
"""Seconds; a worker that gave up sooner would do so again. One that was killed would not."""


def serve_with_workers(settings: Settings) -> None:
    """Serves with `settings.workers` processes until SIGTERM or SIGINT.

    Raises:
        InvalidSettings: The port is taken, the store is not what is asked of it, or a worker could not start.
        StoreUnavailable: The store does not answer.
    """
    # What is wrong with the store is said once, and not by each worker.
    asyncio.run(_try_store(settings))
    with _reserved_port(settings.listen) as listen:
        _Group(replace(settings, listen=listen)).run()


async def _try_store(settings: Settings) -> None:
    await (await open_store(settings.store, settings.store_options)).close()


class _Group:
    """The workers of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A child by fork would inherit what grpc and the event loop can not share.
        self._spawning = multiprocessing.get_context("spawn")
        self._workers: dict[SpawnProcess, float] = {}
        self._stopping = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)
        while len(self._workers) < self._settings.workers and not self._stopping:
            self._start()
        failed = False
        while self._workers:
            wait([worker.sentinel for worker in self._workers])
            for worker in [worker for worker in self._workers if not worker.is_alive()]:
                began = self._workers.pop(worker)
                if self._stopping:
                    continue
                logger.warning("worker %s ended with %s", worker.pid, worker.exitcode)
                gave_up = (worker.exitcode or 0) > 0 and time.monotonic() - began < _SHORT_LIFE
                if gave_up:
                    failed = True
                    self._pass_on(signal.SIGTERM, None)
                else:
                    self._start()
        if failed:
            raise InvalidSettings("a worker could not start; the log says why")

    def _start(self) -> None:
        worker = self._spawning.Process(target=_work, args=(self._settings,))
        worker.start()
        self._workers[worker] = time.monotonic()
        if self._stopping and worker.pid:
            # The signal came while this one was started, so that nobody has passed it on to it.
            os.kill(worker.pid, signal.SIGTERM)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._stopping = self._stopping or number != signal.SIGHUP
        for worker in self._workers:
            if worker.pid and worker.is_alive():
                os.kill(worker.pid, number)


def _work(settings: Settings) -> None:
    # Ctrl-C reaches the whole group of a terminal; a worker is to hear it from its parent alone, and once.
    os.setsid()
    logs.configure_logging(settings.log_level)
    try:
        app.run(settings)
    except ParleyError as error:
        logger.error("%s", error)  # noqa: TRY400  # what a user did wrong needs no traceback
        raise SystemExit(1) from error


@contextmanager
def _reserved_port(listen: str) -> Iterator[str]:
    """Holds the port without listening, so that nobody else takes it and port 0 is the same one for all workers."""
    host, _, port = listen.rpartition(":")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host.strip("[]") or None, int(port), type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(address)
            yield f"{host}:{held.getsockname()[1]}"
    except OSError as error:
        raise InvalidSettings(f"can not listen at {listen}: {error.strerror}") from error
