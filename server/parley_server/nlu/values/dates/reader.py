"""Reads dates: slots of the type date.

English is read by `grammar`, in every locale, since numeric dates are in it too; another locale's own words by
`foreign`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.dates.foreign import foreign_dates_in, odd_date
from parley_server.nlu.values.dates.grammar import Reading, dates_in, has_date
from parley_server.nlu.values.dates.meanings import When
from parley_server.nlu.values.dates.spelling import spelled
from parley_server.nlu.values.dates.vocabulary import MONTH
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded, name_stems, stems_of

_REFUSAL = Refusal("Please give a date, such as March 3, next Friday or 2026-03-08.")
_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU"})
"""The countries where 3/8 is the eighth of March."""
_PERIOD = re.compile(
    r"(?:(?:some\s?time|some\sday|any\s?time|any\sday|maybe|perhaps|probably|how\sabout|what\sabout|i\sthink|let's\ssay|"
    r"i(?:'d|\swould)\s(?:like|prefer)|since|on|in|at|during|around|towards?|by|the|well|um+|hmm+|ok|okay)[\s,]+)*"
    rf"(?P<period>(?:(?:early|mid|late|later|end|beginning|start|middle|rest)[\s-](?:of\s|in\s)?)?(?:(?:this|next|last|past|the|coming|"
    rf"following)\s){{0,2}}(?:week|weekend|month|year|summer|winter|spring|autumn|fall|{MONTH})(?:\safter\snext)?)"
    r"(?:[\s,]+(?:please|works?|is|would\sbe|best|good|great|fine|ok|okay|if\spossible|for\sme|i\sthink|maybe|instead))*[\s.!?]*"
)
"""A message that names a time in which there are many days."""
_PAST = frozenset(stems_of("birth birthday birthdate dob born since"))
"""Words of a slot's name that tell a date of the past."""


class DateReader:
    """Reads dates, against the day of the reference."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads an ISO date, or words that name one day."""
        if isinstance(words, date) and not isinstance(words, datetime):
            return words
        if not isinstance(words, str):
            return _REFUSAL
        readings = _readings(folded(words), definition, reference)
        impossible = next((reading for reading in readings if reading.day is None), None)
        if impossible is not None:
            return Refusal(
                "There is no such day in the calendar: please give another date, such as March 3.",
                words[impossible.start : impossible.end],
            )
        if not readings and (period := _PERIOD.fullmatch(folded(words).strip())):
            return Refusal("That is more than one day: please name one, such as March 3.", period["period"])
        days = {reading.day for reading in readings if reading.day}
        if len(days) > 1:
            return Refusal("Please give one date alone.", words.strip())
        day = days.pop() if days else odd_date(words.strip(), reference.language, _when(definition, reference))
        return day or _REFUSAL

    def find(self, message: str, definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the dates that exist; those that no calendar has are left to `parse` to refuse."""
        return [
            Candidate(
                value=reading.day,
                raw=message[reading.start : reading.end],
                start=reading.start,
                others=(reading.past,) if reading.past and definition.validators else (),
            )
            for reading in _readings(folded(message), definition, reference)
            if reading.day is not None
        ]


def _when(definition: SlotDefinition, reference: Reference) -> When:
    past = not _PAST.isdisjoint(name_stems(definition))
    return When(now=reference.now, day_first=reference.region not in _MONTH_FIRST, past=past, back=past)


def _readings(text: str, definition: SlotDefinition, reference: Reference) -> Sequence[Reading]:
    if has_date(text) and (readings := dates_in(text, _when(definition, reference))):
        return readings
    if reference.language == "en":
        right = spelled(text)
        found = dates_in(right.text, _when(definition, reference)) if right else ()
        return [replace(day, start=right.place(day.start), end=right.place(day.end)) for day in found if right]
    found_abroad = foreign_dates_in(text, reference.language, _when(definition, reference))
    return [Reading(day, span.start, span.stop) for day, span in found_abroad]
