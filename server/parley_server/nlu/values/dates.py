"""Reads dates: slots of the type date.

English is read by `date_grammar`; the words of another language, in its locale, by `foreign_dates`.
"""

from collections.abc import Sequence
from datetime import date, datetime

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.date_grammar import Reading, When, dates_in
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded, name_stems

_REFUSAL = Refusal("Please give a date, such as March 3, next Friday or 2026-03-08.")
_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU"})
_PAST_WORDS = frozenset({"birth", "dob", "born", "birthday", "birthdat"})


class DateReader:
    """Reads dates, against the day of the reference."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads an ISO date, or words that name one day."""
        if isinstance(words, date) and not isinstance(words, datetime):
            return words
        if not isinstance(words, str):
            return _REFUSAL
        readings = _readings(words, definition, reference)
        impossible = next((reading for reading in readings if reading.day is None), None)
        if impossible is not None:
            raw = words[impossible.start : impossible.end]
            return Refusal(f"There is no such day as {raw}: please give a date of the calendar.", raw)
        days = {reading.day for reading in readings}
        if len(days) > 1:
            return Refusal("Please give one date alone.", words.strip())
        return days.pop() or _REFUSAL if days else _REFUSAL

    def find(self, message: str, definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the dates that exist; those that no calendar has are left to `parse` to refuse."""
        return [
            Candidate(value=reading.day, raw=message[reading.start : reading.end], start=reading.start)
            for reading in _readings(message, definition, reference)
            if reading.day is not None
        ]


def _readings(words: str, definition: SlotDefinition, reference: Reference) -> list[Reading]:
    when = When(
        now=reference.now,
        day_first=reference.region not in _MONTH_FIRST,
        past=not _PAST_WORDS.isdisjoint(name_stems(definition)),
    )
    return dates_in(folded(words), when)
