"""Reads whole numbers and numbers: slots of the types integer and float.

Amounts lose their unit and currency: "$48.2 million" is 48200000. Parts of a date, a time or a code are no numbers.
This module must not know other slots: whether a number is this slot's is told by what it counts.
"""

import re
from collections.abc import Sequence
from math import isfinite

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.counted import IMPLIED, fit, implied_one
from parley_server.nlu.values.numerals import SMALL, has_numeral, numerals_in
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded

_WHOLE = Refusal("Please give a whole number, such as 3.")
_ANY = Refusal("Please give a number, such as 3 or 2.5.")

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"
_NOT_A_NUMBER = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b)?"
    r"|\b(?:\d{1,4}[/.-]){2}\d{1,4}\b"
    r"|\b(?:half|quarter)\s(?:past|after|to|till)\s\w+"
    r"|\d+(?:st|nd|rd|th)\b"
    r"|(?:\b\d{1,2}(?:[.:]\d\d)?|\b(?:" + "|".join(list(SMALL)[1:13]) + r"))\s?(?:[ap]\.?m\b|o'?\s?clock)"
    rf"|\b{_MONTH}\s\d{{1,2}}(?:,?\s\d{{4}})?\b(?!\s*(?:people|guests|persons|adults|rooms))"
    rf"|\b\d{{1,2}}\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?(?![a-z])"
    r"|#\s?\w+|\d\w*@\S+|https?://\S+|\d+d\b"
)
_CURRENCY_SCALE = re.compile(r"\b([MK])(?=[A-Z]{3}\b)\s*")


class NumberReader:
    """Reads numbers; whole ones alone if `whole`."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._refusal = _WHOLE if whole else _ANY

    def parse(self, words: object, _definition: SlotDefinition, _reference: Reference) -> SlotValue | Refusal:
        """Reads a JSON number, or words that hold one number and no other."""
        if isinstance(words, bool):
            return self._refusal
        if isinstance(words, int | float):
            return self._typed(words) if isfinite(words) else self._refusal
        if not isinstance(words, str):
            return self._refusal
        numerals = numerals_in(_masked(words))
        values = {numeral.value for numeral in numerals}
        if len(values) != 1:
            return self._refusal
        value = self._typed(values.pop())
        return (
            Refusal(value.reason, words[numerals[0].start : numerals[0].end]) if isinstance(value, Refusal) else value
        )

    def find(self, message: str, definition: SlotDefinition, _reference: Reference) -> Sequence[Candidate]:
        """Finds the numbers; the score says whether what they count is what the slot is about."""
        low = folded(message)
        found = (
            []
            if not has_numeral(low)
            else [
                Candidate(value=value, raw=message[numeral.start : numeral.end], start=numeral.start, score=score)
                for numeral in numerals_in(_masked(message))
                if not isinstance(value := self._typed(numeral.value), Refusal)
                and (score := fit(low, numeral.start, numeral.end, definition)) > 0
            ]
        )
        if self._whole and all(candidate.score < IMPLIED for candidate in found):
            one = implied_one(low, definition)
            if one:
                found.append(Candidate(value=1, raw=message[one.start() : one.end()], start=one.start(), score=IMPLIED))
        return found

    def _typed(self, value: float) -> SlotValue | Refusal:
        if not self._whole:
            return float(value)
        return int(value) if value == int(value) else self._refusal


def _masked(message: str) -> str:
    """Blanks out the digits that are no numbers, every character still at its place."""
    return _NOT_A_NUMBER.sub(lambda match: "\0" * len(match[0]), message)
