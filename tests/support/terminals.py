"""The command line as its users have it: processes, one of them in a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from support.ports import free_port

PARLEY = Path(sys.executable).with_name("parley")
_PATIENCE = 20.0


def environment(**variables: str) -> Mapping[str, str]:
    """The environment of a command: this one without settings of parley, and these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return {**inherited, "TERM": "dumb", **variables}


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `parley` to its end."""
    command = [str(PARLEY), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Server:
    """`parley serve` that runs."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def logged(self, text: str) -> None:
        """Returns when the log has this text."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, f"{text!r} is not in {self.log.read_text()!r}"
            time.sleep(0.005)

    def ended(self) -> int:
        """Waits for the end of the process, and returns its status."""
        return self.process.wait(_PATIENCE)


@contextmanager
def serving(folder: Path, *options: str, address: str = "", **variables: str) -> Iterator[Server]:
    """`parley serve` with these options in a folder, once it answers."""
    address = address or f"127.0.0.1:{free_port()}"
    log = folder / "server.log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            [str(PARLEY), "serve", *options],
            cwd=folder,
            env=environment(PARLEY_LISTEN=address, **variables),
            stderr=written,
            text=True,
        ) as process,
    ):
        try:
            with grpc.insecure_channel(address) as channel:
                grpc.channel_ready_future(channel).result(timeout=_PATIENCE)
            yield Server(address, process, log)
        finally:
            process.kill()


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._screen, inside = pty.openpty()
        self._process = subprocess.Popen(
            [str(PARLEY), *arguments], cwd=folder, env=environment(), stdin=inside, stdout=inside, stderr=inside
        )
        os.close(inside)
        self._unread = ""

    def type(self, text: str) -> None:
        """Types this."""
        os.write(self._screen, text.encode())

    def sees(self, text: str) -> str:
        """Reads on until this text; returns what came before it."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self._unread:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._screen], [], [], max(left, 0))
            assert ready, f"{text!r} is not in {self._unread!r}"
            self._unread += self._read()
        before, _, self._unread = self._unread.partition(text)
        return before

    def ended(self) -> tuple[int, str]:
        """Waits for the end of the command; returns its status and what was left to read."""
        while data := self._read():
            self._unread += data
        return self._process.wait(_PATIENCE), self._unread

    def close(self) -> None:
        """Ends the command if it still runs."""
        self._process.kill()
        self._process.wait()
        os.close(self._screen)

    def _read(self) -> str:
        try:
            return os.read(self._screen, 65536).decode()
        except OSError:
            # That is how Linux says that nobody writes to the terminal any more.
            return ""
