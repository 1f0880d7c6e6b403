"""`parley migrate --dry-run`: what becomes of stored sessions under other definitions."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from parley_server.cli.printing import printable
from parley_server.library import Library
from parley_server.service.survey import Fate, survey
from parley_server.stores.options import StoreOptions
from parley_server.stores.registry import open_store


def list_sessions(files: Sequence[Path], url: str) -> bool:
    """Prints a line for each session and the sums; False: some are blocked.

    Raises:
        InvalidDefinition: A definition has defects.
        InvalidSettings: There is no such store, or it can not be shared with the server that uses it.
        StoreUnavailable: The store failed.
    """
    fates = asyncio.run(_list(Library(files), url))
    click.echo(", ".join(f"{fates[fate]} {fate}" for fate in Fate))
    return not fates[Fate.BLOCKED]


async def _list(library: Library, url: str) -> Counter[Fate]:
    fates: Counter[Fate] = Counter()
    store = await open_store(url, options=StoreOptions(shared=True, must_exist=True))
    try:
        async for prospect in survey(store, library.catalogue):
            fates[prospect.fate] += 1
            click.echo(printable(f"{prospect.fate:8} {prospect.session_id} {prospect.reason}").rstrip())
    finally:
        await store.close()
    return fates
