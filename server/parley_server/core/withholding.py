"""Withholding: what of a conversation may be shown to somebody outside, such as a model that other people run.

The values of sensitive slots may not, wherever they stand.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import cast

from parley_server.core.context import ConversationContext, Message, Turn
from parley_server.core.slots import SlotDefinition, SlotsChange, SlotType, SlotValue
from parley_server.core.texts import Text, render
from parley_server.core.understanding import Understanding

WITHHELD = "…"
"""What stands in the place of what is withheld."""
_LETTERS = re.compile(r"([^\W_])([\W_]*)")
"""Each with the signs that follow it."""
_BETWEEN = r"[\W_]{0,3}"
_SPELLED = {"@": "at", ".": "dot|period|point", "_": "underscore", "-": "dash|hyphen", "+": "plus"}
"""How signs are said. Where one stands, its word may stand in its place."""
_LONGEST_COUNTRY_CODE = 3


def shown_slots(slots: Mapping[str, SlotValue], definitions: Mapping[str, SlotDefinition]) -> Mapping[str, SlotValue]:
    """The values of slots, the sensitive ones withheld."""
    return {
        name: WITHHELD if name in definitions and definitions[name].sensitive else value
        for name, value in slots.items()
    }


def shown_text(text: Text, said: str, names: Mapping[str, object], definitions: Mapping[str, SlotDefinition]) -> str:
    """What was said and was written out of these names, as it is without the values of sensitive slots in any form."""
    slots = cast("Mapping[str, SlotValue]", names["slots"])
    if isinstance(text, str) or not any(name in definitions and definitions[name].sensitive for name in slots):
        return said
    try:
        return render(text, {**names, "slots": shown_slots(slots, definitions)})
    except Exception:  # noqa: BLE001  # a template is an author's code, and may need a value of the slot's own type
        return WITHHELD


def shown_reply(turn: Turn) -> str:
    """The reply of a turn without the values of sensitive slots, which one to a message that may hold them may have."""
    if turn.private:
        return WITHHELD
    return turn.reply if turn.shown_reply is None else turn.shown_reply


def shown_messages(context: ConversationContext, definitions: Mapping[str, SlotDefinition]) -> tuple[Message, ...]:
    """The messages of the turns that were loaded: two of each, the user's and the answer.

    A turn whose message may hold the value of a sensitive slot is withheld whole: what answered it may repeat that, in
    a writing of its own. Without definitions nothing is withheld.
    """
    if not context.history:
        return ()
    secrets = secrets_of(context, definitions)
    messages: list[Message] = []
    for turn in context.history:
        said, reply = turn.user_message, turn.reply
        if definitions:
            said, reply = WITHHELD if turn.private else said, shown_reply(turn)
        messages += [Message("user", without(said, secrets)), Message("assistant", without(reply, secrets))]
    return tuple(messages)


def without(text: str, secrets: Iterable[str]) -> str:
    """A text without these others, in letters large or small, and with any blanks and signs between their letters.

    A sign may be spelled out too: "ann (at) example dot com".
    """
    found = {secret for secret in secrets if secret.strip()}
    if not found:
        return text
    patterns = [_pattern(secret) for secret in sorted(found, key=_count_letters, reverse=True)]
    return re.sub("|".join(patterns), WITHHELD, text, flags=re.IGNORECASE)


def _count_letters(secret: str) -> int:
    return len(_LETTERS.findall(secret))


def _pattern(secret: str) -> str:
    letters: list[tuple[str, str]] = _LETTERS.findall(secret)
    if not letters:
        return re.escape(secret)
    *others, (last, _) = letters
    return "".join(letter + _gap(signs) for letter, signs in others) + last


def _gap(signs: str) -> str:
    word = _SPELLED.get(signs)
    return rf"(?:{_BETWEEN}|[\W_]{{1,3}}(?:{word})[\W_]{{1,3}})" if word else _BETWEEN


def is_private(
    requested: str, understanding: Understanding, change: SlotsChange, definitions: Mapping[str, SlotDefinition]
) -> bool:
    """Whether a message that was read so, when a slot was requested, may hold the value of a sensitive slot.

    A value that is said again, in whatever writing, changes nothing and stands in the message all the same. So does one
    that is denied or asked about.
    """
    rejected = (rejection.slot for rejection in (*change.rejected, *understanding.rejected))
    touched = {requested, *understanding.slots, *change.filled, *change.cleared, *rejected}
    return bool(understanding.private) or any(name in definitions and definitions[name].sensitive for name in touched)


def secrets_of(context: ConversationContext, definitions: Mapping[str, SlotDefinition]) -> list[str]:
    """The values of sensitive slots, now and in the turns that were loaded."""
    filled: list[Mapping[str, SlotValue]] = [context.slots, *(turn.slots_changed.filled for turn in context.history)]
    return [
        writing
        for slots in filled
        for name, value in slots.items()
        if name in definitions and definitions[name].sensitive
        for writing in writings(value, definitions[name])
    ]


def writings(value: SlotValue, definition: SlotDefinition) -> list[str]:
    """A value as it is kept, and as people write it in figures: without the country's code, the day first or last."""
    kept = str(value)
    if isinstance(value, date):
        day, month = f"{value.day:02}", f"{value.month:02}"
        orders = (day + month, month + day, f"{value.day}{value.month}", f"{value.month}{value.day}")
        return [kept, *(f"{order}{value.year:04}" for order in orders)]
    if isinstance(value, time):
        return [kept, f"{value:%H%M}"]
    if definition.type is SlotType.PHONE:
        digits = kept.removeprefix("+")
        return [kept, *(digits[code:] for code in range(1, _LONGEST_COUNTRY_CODE + 1))]
    return [kept]
