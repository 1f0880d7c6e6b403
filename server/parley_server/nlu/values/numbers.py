"""Reads whole numbers and numbers: slots of the types integer and float.

Amounts lose their unit and currency: "$48.2 million" is 48200000. Parts of a date, a time or a code are no numbers.
This module must not know other slots: whether a number is this slot's is told by what it counts.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from sys import float_info

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.counted import IMPLIED, UNTOLD, fit, implied, together
from parley_server.nlu.values.decimals import COMMA_LANGUAGES, with_points
from parley_server.nlu.values.numerals import SMALL, Numeral, has_numeral, numerals_in
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded, straight

_ALONE = "Please give one number alone, such as 3."
_TOO_LARGE = "That number is too large: please give a smaller one, such as 3."
_WHOLE = Refusal("Please give a whole number, such as 3.")
_ANY = Refusal("Please give a number, such as 3 or 2.5.")

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_HOUR_WORDS = "|".join(word for word, value in SMALL.items() if 1 <= value <= 12)
_NOT_A_NUMBER = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b)?"
    r"|\b(?:\d{1,4}[/.-]){2}\d{1,4}\b"
    r"|\b(?:half|quarter)\s(?:past|after|to|till)\s\w+"
    r"|\d+(?:st|nd|rd|th)\b"
    rf"|(?:\b\d{{1,2}}(?:[.:]\d\d)?|\b(?:{_HOUR_WORDS}))\s?(?:[ap]\.?m\b|o'?\s?clock)"
    rf"|\b{_MONTH}\s\d{{1,2}}(?:,?\s\d{{4}})?\b(?!\s*(?:people|guests|persons|adults|rooms))"
    rf"|\b\d{{1,2}}\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?(?![a-z])"
    r"|#\s?\w+|\d+(?:\.\d+)?(?:e[+-]?\d|\s?(?:\*\*|\^)\s?\d)\w*|\d\w*@\S+|https?://\S+|\d+d\b",
    re.IGNORECASE,
)
"""Dates, times, ordinals, codes and addresses."""
_CURRENCIES = "AUD|BRL|CAD|CHF|CNY|DKK|EUR|GBP|HKD|INR|JPY|KRW|MXN|NOK|NZD|SEK|SGD|USD|ZAR"
_CURRENCY = re.compile(r"\s?(?:[€$£]|(?:euros?|dollars?|bucks|pounds?|quid)\b)\s?(?:and\s)?", re.IGNORECASE)
_CENTS = re.compile(r"\s?(?:cents?|pence|[cp])\b|(?<=\d\d)(?=\W*$)", re.IGNORECASE)
_SCALED_BEFORE = re.compile(rf"\b([KM])(?:{_CURRENCIES})\s?$")
_SCALED_BEHIND = re.compile(rf"\s?([KM])(?:{_CURRENCIES})\b")
_SCALES = {"K": 10**3, "M": 10**6}
"""The thousands and millions of "60 MUSD"."""
_TOLD = 0.9
"""The score of a number of people who are told one by one."""
_MOST = 20
"""How many numbers of a message are looked at: nobody says more, and each is measured against what stands about it."""
_LARGEST_WHOLE = 2**63 - 1
"""The largest whole number that a turn can carry."""


class NumberReader:
    """Reads numbers; whole ones alone if `whole`."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._refusal = _WHOLE if whole else _ANY

    def parse(self, words: object, _definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads a JSON number, or words that hold one number and no other."""
        if isinstance(words, int | float) and not isinstance(words, bool):
            return self._typed(words)
        numerals = _numerals(straight(words), reference) if isinstance(words, str) else ()
        if len({numeral.value for numeral in numerals}) != 1:
            return Refusal(_ALONE, str(words).strip()) if numerals else self._refusal
        value = self._typed(numerals[0].value)
        raw = str(words)[numerals[0].start : numerals[0].end]
        return Refusal(value.reason, raw) if isinstance(value, Refusal) else value

    def find(self, message: str, definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the numbers; the score says whether what they count is what the slot is about."""
        low = folded(message)
        found = []
        for numeral in _numerals(straight(message), reference)[:_MOST] if has_numeral(low) else ():
            value, start, end = self._typed(numeral.value), numeral.start, numeral.end
            if not isinstance(value, Refusal):
                score = fit(low, start, end, definition)
                found.append(Candidate(value=value, raw=message[start:end], start=start, score=score))
        party = together(low, definition) if self._whole else None
        if party and not any(_counts_all(candidate, *party) for candidate in found):
            value, span, whole = party
            found = [c for c in found if not whole.start <= c.start < whole.stop]
            return [*found, Candidate(value=value, raw=message[span], start=span.start, score=_TOLD)]
        if self._whole and all(candidate.score < IMPLIED for candidate in found):
            unnumbered = implied(low, definition)
            if unnumbered:
                value, span, score = unnumbered
                found.append(Candidate(value=value, raw=message[span], start=span.start, score=score))
        return found

    def _typed(self, value: float) -> float | Refusal:
        largest = _LARGEST_WHOLE if self._whole else float_info.max
        if not abs(value) <= largest:
            return Refusal(_TOO_LARGE)
        if not self._whole:
            return float(value)
        return int(value) if value == int(value) else self._refusal


def _counts_all(candidate: Candidate, told: int, _first: slice, party: slice) -> bool:
    """Whether a number counts more than those who are told one by one: the 5 of "5, two kids and a baby"."""
    return (
        candidate.score >= UNTOLD
        and not party.start <= candidate.start < party.stop
        and isinstance(candidate.value, int)
        and candidate.value >= told
    )


def _numerals(message: str, reference: Reference) -> Sequence[Numeral]:
    """Finds the numerals that are numbers."""
    return _read(message, commas=reference.language in COMMA_LANGUAGES)


@lru_cache(maxsize=8)
def _read(text: str, *, commas: bool) -> Sequence[Numeral]:
    message = with_points(text, commas=commas)
    masked = _NOT_A_NUMBER.sub(lambda match: "\0" * len(match[0]), message)
    found: list[Numeral] = []
    for numeral in numerals_in(masked):
        if found and _are_cents(message, found[-1], numeral):
            whole = found.pop()
            found.append(Numeral(whole.value + numeral.value / 100, whole.start, numeral.end))
        else:
            found.append(_scaled(numeral, message))
    return found


def _are_cents(message: str, whole: Numeral, cents: Numeral) -> bool:
    """Whether a numeral is the small change of the one before it: "20 dollars and fifty cents", "49 euros 90"."""
    money = 0 < cents.value < 100 and _CURRENCY.fullmatch(message, whole.end, cents.start)
    return bool(money) and _CENTS.match(message, cents.end) is not None


def _scaled(numeral: Numeral, message: str) -> Numeral:
    """Takes along the scale that stands in a currency's name."""
    scale = _SCALED_BEHIND.match(message, numeral.end) or _SCALED_BEFORE.search(
        message, max(0, numeral.start - 6), numeral.start
    )
    return replace(numeral, value=numeral.value * _SCALES[scale[1]]) if scale else numeral
