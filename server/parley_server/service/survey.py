"""The survey: what becomes of the sessions of a store when the assistants of a catalogue lead them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from parley_server.core.snapshot import load_context, session_of
from parley_server.errors import ParleyError
from parley_server.service.catalogue import Catalogue
from parley_server.stores.protocol import StateStore


class Fate(StrEnum):
    """What becomes of a session."""

    KEPT = "kept"
    """It goes on with the version that it began with."""
    MAPPED = "mapped"
    """It moves to the newest version by the rule that this declares."""
    BLOCKED = "blocked"
    """It can not go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A session and what becomes of it."""

    session_id: str
    fate: Fate
    reason: str
    """Why it is blocked; empty: it is not."""


async def survey(store: StateStore, catalogue: Catalogue) -> AsyncIterator[Prospect]:
    """Says of every stored session what becomes of it; nothing is written.

    Raises:
        StoreUnavailable: The store failed.
    """
    async for stored in store.scan():
        session_id = session_of(stored.snapshot)
        try:
            before = load_context(stored.snapshot, session_id=session_id)
            after, _ = catalogue.resume(before)
        except ParleyError as error:
            yield Prospect(session_id=session_id, fate=Fate.BLOCKED, reason=error.message)
        else:
            yield Prospect(session_id=session_id, fate=Fate.KEPT if after is before else Fate.MAPPED, reason="")
