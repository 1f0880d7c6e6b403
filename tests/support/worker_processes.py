"""Several workers on one port and one store, as real processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.ports import free_port


@contextmanager
def workers(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server with two workers, and its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "parley_server", "serve", "--listen", address, "--workers", "2", *options]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, address
        finally:
            process.kill()
