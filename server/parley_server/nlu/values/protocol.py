"""What a reader of one slot type does, and what all readers share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import msgspec

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What words are read against."""

    now: datetime
    """The time of the turn, aware, in the user's time zone."""
    locale: str = "en-US"
    """The user's language and region, BCP 47: decides the order of day and month, and the country of a phone number."""

    @property
    def language(self) -> str:
        """The language of the locale, lower case: `en`."""
        return _language_and_region(self.locale)[0]

    @property
    def region(self) -> str:
        """The country of the locale, upper case; if the locale names none, `US` for English, else empty."""
        return _language_and_region(self.locale)[1]


@lru_cache(maxsize=64)
def _language_and_region(locale: str) -> tuple[str, str]:
    language, *subtags = locale.replace("_", "-").split("-")
    default = "US" if language.lower() == "en" else ""
    return language.lower(), next((subtag.upper() for subtag in subtags if len(subtag) == 2), default)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why words are no value of a type."""

    reason: str
    """In words for the user, naming what would be accepted. Never what was offered: it may be sensitive."""
    raw: str = ""
    """The words that were clearly meant as a value ("February 30"); empty: nothing in the words looks like one."""


class ValueReader(Protocol):
    """Reads values of one slot type. Pure: the clock comes in as `reference`."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference, /) -> SlotValue | Refusal:
        """Reads `words` as one value and nothing else.

        Takes a string (a user's words, an extractor's find) or the JSON value of a model or a caller: a number for an
        integer slot, true for a boolean one. Never guesses: what is not clearly a value of the type is refused.
        """

    def find(self, message: str, definition: SlotDefinition, reference: Reference, /) -> Sequence[Candidate]:
        """Finds every value of the type in a message, in the order of the words. Empty when there are none.

        The score of a candidate says how sure it is that the value is meant, and meant for this slot.
        """
