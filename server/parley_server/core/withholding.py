"""Withholding: what of a conversation may be shown to somebody outside, such as a model that other people run.

The values of sensitive slots may not, wherever they stand.
"""

import re
from collections.abc import Iterable, Mapping

from parley_server.core.context import ConversationContext, Message
from parley_server.core.slots import SlotDefinition, SlotsChange, SlotValue

WITHHELD = "…"
"""What stands in the place of what is withheld."""


def shown_slots(slots: Mapping[str, SlotValue], definitions: Mapping[str, SlotDefinition]) -> Mapping[str, SlotValue]:
    """The values of slots, the sensitive ones withheld."""
    return {
        name: WITHHELD if name in definitions and definitions[name].sensitive else value
        for name, value in slots.items()
    }


def shown_messages(context: ConversationContext, definitions: Mapping[str, SlotDefinition]) -> tuple[Message, ...]:
    """The messages of the turns that were loaded: two of each, the user's and the answer.

    A message that may hold the value of a sensitive slot is withheld whole. Without definitions nothing is.
    """
    if not context.history:
        return ()
    secrets = secrets_of(context, definitions)
    messages: list[Message] = []
    for turn in context.history:
        said = WITHHELD if turn.private and definitions else without(turn.user_message, secrets)
        messages += [Message("user", said), Message("assistant", without(turn.reply, secrets))]
    return tuple(messages)


def without(text: str, secrets: Iterable[str]) -> str:
    """A text without these others, however they are written in letters large and small."""
    patterns = [re.escape(secret) for secret in sorted(set(secrets), key=len, reverse=True) if secret.strip()]
    return re.sub("|".join(patterns), WITHHELD, text, flags=re.IGNORECASE) if patterns else text


def is_private(requested: str, change: SlotsChange, definitions: Mapping[str, SlotDefinition]) -> bool:
    """Whether a message that was read so, when a slot was requested, may hold the value of a sensitive slot."""
    touched = {requested, *change.filled, *change.cleared, *(rejection.slot for rejection in change.rejected)}
    return any(name in definitions and definitions[name].sensitive for name in touched)


def secrets_of(context: ConversationContext, definitions: Mapping[str, SlotDefinition]) -> list[str]:
    """The values of sensitive slots, now and in the turns that were loaded."""
    filled: list[Mapping[str, SlotValue]] = [context.slots, *(turn.slots_changed.filled for turn in context.history)]
    return [
        str(value)
        for slots in filled
        for name, value in slots.items()
        if name in definitions and definitions[name].sensitive
    ]
