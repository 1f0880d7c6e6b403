"""Servers in processes of their own, which can be killed, paused and started again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from support.faults_calls import open_client
from support.faults_echo import DEFINITION, GATES
from support.ports import free_port

import parley

_TESTS = Path(__file__).parents[1]
_LOOK_EVERY = 0.05
_PATIENCE = 20.0


class ServerProcess:
    """`parley serve` on a store, always at the same port."""

    def __init__(self, store_url: str, folder: Path, *, lease: timedelta | None = None) -> None:
        """Takes the store, a folder for its log and the gates of its turns, and how long leases last."""
        self.port = free_port()
        self.gates = folder
        self.log = folder / f"server-{self.port}.log"
        self._command = [sys.executable, "-m", "parley_server", "serve", "--listen", f"127.0.0.1:{self.port}"]
        self._command += ["--store", store_url, "--assistant", str(DEFINITION), "--log-level", "warning"]
        if lease:
            self._command += ["--lease", str(lease.total_seconds())]
        path = os.pathsep.join(filter(None, [str(_TESTS), os.environ.get("PYTHONPATH", "")]))
        self._environment = {**os.environ, "PYTHONPATH": path, GATES: str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; it may take a moment until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stderr=log)

    async def ready(self) -> None:
        """Returns when it serves."""
        async with asyncio.timeout(_PATIENCE):
            while not await self._answers():  # noqa: ASYNC110 (another process has no event to wait for)
                await asyncio.sleep(_LOOK_EVERY)

    async def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError(f"the server has ended: {self.log.read_text()}")
        async with open_client(self.port) as client:
            try:
                await client.get_session("nobody")
            except parley.SessionNotFound:
                return True
            except parley.ParleyError:
                return False
        return False

    def kill(self) -> None:
        """Kills it, as an operator's last resort or the kernel would."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """Lets it stand still."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on as if nothing had happened."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)


@contextmanager
def server_processes(
    count: int, store_url: str, folder: Path, *, lease: timedelta | None = None
) -> Iterator[list[ServerProcess]]:
    """Servers that share a store, and may take a moment until they answer; they are killed at the end."""
    servers = [ServerProcess(store_url, folder, lease=lease) for _ in range(count)]
    with ExitStack() as closing:
        for server in servers:
            closing.callback(server.kill)
            server.start()
        yield servers
