"""Sessions as callers see them, out of what the store holds."""

from datetime import datetime

from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext, Turn
from parley_server.core.snapshot import load_context, load_turn
from parley_server.core.timers import as_of
from parley_server.ids import SessionKey
from parley_server.service.catalogue import Catalogue
from parley_server.service.events import SessionView
from parley_server.stores.protocol import StoredSession, TurnRecord


def view(context: ConversationContext, assistant: Assistant, expires_at: datetime | None) -> SessionView:
    """A session as callers see it."""
    machine = assistant.machines[context.stack[-1].flow]
    form = machine.current_state(context).form
    requested = assistant.slots.definitions.get(context.requested_slot)
    return SessionView(
        context=context,
        missing_slots=form.missing(context) if form else (),
        choices=tuple(choice.name for choice in requested.choices) if requested else (),
        expires_at=expires_at,
    )


def open_view(key: SessionKey, stored: StoredSession, catalogue: Catalogue, now: datetime) -> SessionView:
    """A stored session as callers see it at a time: a state that has waited too long is left already.

    Raises:
        SessionCorrupt: It can not be read.
        UnknownAssistant: Its assistant is not loaded.
        VersionNotLoaded: The version of its assistant is not loaded, and it can not move to another.
    """
    context, assistant = catalogue.resume(load_context(stored.snapshot, session_id=key.session_id))
    return view(as_of(assistant, context, now), assistant, stored.expires_at)


def turns(key: SessionKey, records: tuple[TurnRecord, ...]) -> tuple[Turn, ...]:
    """The turns of a page of records.

    Raises:
        SessionCorrupt: One can not be read.
    """
    return tuple(load_turn(record.data, session_id=key.session_id).turn for record in records)
