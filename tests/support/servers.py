"""Real servers for tests: parley in this process, on a port of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import parley
from parley_server.app import Running, running
from parley_server.core.assistant import Assistant
from parley_server.settings import Settings
from parley_server.stores.options import Clock, utc_now

NOW = datetime.fromisoformat("2026-03-04T10:00:00+00:00")
"""A Wednesday; the time of every turn whose test does not move the clock."""


def at_noon() -> datetime:
    """A clock that stands still."""
    return NOW


@asynccontextmanager
async def serving(
    *, clock: Clock = utc_now, assistants: Sequence[Assistant] = (), **settings: object
) -> AsyncIterator[tuple[Running, parley.AsyncClient]]:
    """A server on the memory store unless told otherwise, and a client of it."""
    options: dict[str, object] = {"listen": "127.0.0.1:0", "store": "memory://", "grace": 1.0, **settings}
    async with (
        running(Settings(**options), assistants=assistants, clock=clock) as server,  # type: ignore[arg-type]  # names are Settings' own
        parley.AsyncClient(f"127.0.0.1:{server.port}", retry=None) as client,
    ):
        yield server, client


def definition(folder: Path, text: str) -> Path:
    """A file that holds a definition."""
    path = folder / "assistant.yaml"
    path.write_text(text)
    return path
