"""What a caller may ask for, and the requests that are made of it.

This module must not know calls, errors or retries.
"""

import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import TypedDict, Unpack
from uuid import uuid4

from parley.conversion import slot_message, struct_message
from parley.session import Json, SlotValue
from parley.v1 import conversation_pb2


class ConflictPolicy(StrEnum):
    """What to do while another turn of the session runs."""

    QUEUE = "QUEUE"
    """Wait for it, within the deadline."""
    REJECT = "REJECT"
    """Raise `SessionBusy` at once."""


class DisconnectPolicy(StrEnum):
    """What becomes of a turn whose caller goes away."""

    CANCEL = "CANCEL"
    """It is cancelled and nothing is saved, unless its commit has begun."""
    CONTINUE = "CONTINUE"
    """It goes on and commits; a repeat with the same request_id gets its reply."""


class ConversationOptions(TypedDict, total=False):
    """What is the same for all turns of a conversation."""

    user_id: str
    """The user whom the session belongs to. Fixed by the first turn that gives it."""
    assistant: str
    """The name of the assistant. Fixed by the first turn. Empty: the session's, or the default one."""
    locale: str
    """The user's language, BCP 47. Empty: the session's, or the assistant's."""
    time_zone: str
    """The user's time zone, an IANA name. Empty: the session's, or the assistant's."""


class TurnOptions(ConversationOptions, total=False):
    """What a turn may be given besides its message."""

    session_id: str
    """The session. A new one is created by its first turn. Empty: the server makes an unguessable one."""
    request_id: str
    """The idempotency key of this turn; whoever may have to send the turn again after a crash of his own keeps it.
    Empty: the client makes one, which covers its own retries."""
    slots: Mapping[str, SlotValue]
    """Values that the caller already knows; validated as the user's are, and a bad one refuses the call."""
    metadata: Mapping[str, Json]
    """Merged into the session's metadata, key by key; a None removes the key."""
    expected_turn_count: int
    """Refuse the turn unless the session stands at this many turns; 0: unless it is new."""
    conflict_policy: ConflictPolicy
    """What to do while another turn of the session runs; QUEUE by default."""
    disconnect_policy: DisconnectPolicy
    """What becomes of the turn when its caller goes away; CANCEL by default."""
    dry_run: bool
    """Run the turn on a copy, write nothing, and explain it."""
    handed_back: bool
    """A conversation that was handed off is the assistant's again."""


def conversation_defaults(
    *, session_id: str | None, user_id: str = "", assistant: str = "", locale: str = "", time_zone: str = ""
) -> TurnOptions:
    """Returns the options of every turn of a conversation.

    A session_id that is made here and not by the server survives a first turn whose end the caller does not learn.
    """
    return TurnOptions(
        session_id=session_id or secrets.token_urlsafe(16),
        user_id=user_id,
        assistant=assistant,
        locale=locale,
        time_zone=time_zone,
    )


def chat_request(message: str, **options: Unpack[TurnOptions]) -> conversation_pb2.ChatRequest:
    """Makes the request of a turn. It always has a request_id, so that repeating it is safe.

    Raises:
        TypeError: An option is unknown, or a value has a type that can not be sent.
        ValueError: A value can not be sent.
    """
    if unknown := options.keys() - TurnOptions.__optional_keys__:
        raise TypeError(f"a turn has no option {', '.join(sorted(unknown))}")
    conflict = f"CONFLICT_POLICY_{options.get('conflict_policy', 'UNSPECIFIED')}"
    disconnect = f"DISCONNECT_POLICY_{options.get('disconnect_policy', 'UNSPECIFIED')}"
    return conversation_pb2.ChatRequest(
        session_id=options.get("session_id", ""),
        message=message,
        request_id=options.get("request_id") or str(uuid4()),
        user_id=options.get("user_id", ""),
        assistant=options.get("assistant", ""),
        slots={name: slot_message(value) for name, value in options.get("slots", {}).items()},
        metadata=struct_message(options["metadata"]) if "metadata" in options else None,
        expected_turn_count=options.get("expected_turn_count"),
        conflict_policy=conversation_pb2.ConflictPolicy.Value(conflict),
        disconnect_policy=conversation_pb2.DisconnectPolicy.Value(disconnect),
        dry_run=options.get("dry_run", False),
        locale=options.get("locale", ""),
        time_zone=options.get("time_zone", ""),
        handed_back=options.get("handed_back", False),
    )
