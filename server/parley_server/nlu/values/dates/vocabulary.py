"""The English words of dates: months, weekdays, days of the month and years as digits and as spoken, holidays.

This module knows single words and what they are worth. It must not know how they make a date: `grammar` does.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

from parley_server.nlu.values.dates.calendar_days import MONDAY, SUNDAY, THURSDAY, day_or_none, easter, nth_weekday
from parley_server.nlu.values.numerals import ORDINALS, SMALL, TENS, numbered

MONTHS: Mapping[str, int] = numbered(
    "january|jan february|feb march|mar april|apr may june|jun july|jul august|aug september|sept|sep october|oct "
    "november|nov december|dec",
    first=1,
)
WEEKDAYS: Mapping[str, int] = numbered(
    "monday|mon tuesday|tues|tue wednesday|weds|wed thursday|thurs|thur|thu friday|fri saturday|sat sunday|sun", first=0
)
RELATIVE_DAYS: Mapping[str, int] = {
    **dict.fromkeys(("today", "tonight", "tonite", "todays"), 0),
    **dict.fromkeys(("tomorrow", "tomorow", "tommorow", "tommorrow", "tmrw", "tmr", "2morrow"), 1),
    **dict.fromkeys(("yesterday", "yesterdays"), -1),
}
UNITS: Mapping[str, str] = {
    "day": "days",
    "week": "weeks",
    "fortnight": "fortnights",
    "month": "months",
    "year": "years",
}
CLOCK_UNITS: Mapping[str, int] = {"hour": 60, "hr": 60, "minute": 1, "min": 1, "second": 0, "sec": 0}


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


MONTH = rf"(?:{_either(MONTHS)})\b\.?"
WEEKDAY = rf"(?:{_either(WEEKDAYS)})\b\.?"
_UNITS_OF_DAY = _either(word for word, value in ORDINALS.items() if value < 10)
_SMALL_ORDINALS = _either(ORDINALS)
_DIGIT_WORDS = _either(word for word, value in SMALL.items() if 0 < value < 10)
_COUNT_WORDS = _either(word for word, value in SMALL.items() if value > 0)
ORDINAL = rf"(?:(?:twenty|thirty)[\s-]?(?:{_UNITS_OF_DAY})|{_SMALL_ORDINALS}|\d{{1,2}}\s?(?:st|nd|rd|th))\b"
CARDINAL = rf"(?:(?:twenty|thirty)[\s-](?:{_DIGIT_WORDS})|twenty|thirty|{_COUNT_WORDS})\b"
DIGITS = r"\d{1,2}(?![\d:]|\.\d)"
_TENS_YEAR = (
    rf"(?:(?:{_either(TENS)})(?:[\s-](?:{_DIGIT_WORDS}))?|o[h']?[\s-](?:{_DIGIT_WORDS})"
    rf"|{_either(word for word, value in SMALL.items() if value > 9)})"
)
SPOKEN_YEAR = (
    rf"(?:(?:nineteen|twenty|eighteen)[\s-](?:{_TENS_YEAR}|hundred)"
    rf"|two\sthousand(?:\s(?:and\s)?(?:{_TENS_YEAR}|{_DIGIT_WORDS}))?"
    rf"|nineteen\shundred(?:\s(?:and\s)?(?:{_TENS_YEAR}|{_DIGIT_WORDS}))?)\b"
)
YEAR = rf"(?:(?:1[89]|20|21)\d\d(?![\d:])|'\d\d\b|{SPOKEN_YEAR})"
COUNT = rf"(?:\d{{1,4}}|{CARDINAL}|(?:an?\s)?couple(?:\sof)?|an?)"

_WORD_VALUES: Mapping[str, int] = {**SMALL, **TENS, **ORDINALS}
_PART = re.compile(r"[a-z]+|\d+")


def month_of(words: str) -> int:
    """Returns the number of a month's name."""
    return MONTHS[words.rstrip(".")]


def weekday_of(words: str) -> int:
    """Returns the number of a weekday's name, Monday being 0."""
    return WEEKDAYS[words.rstrip(".")]


def number_of(words: str) -> int:
    """Returns what a small number is worth, cardinal or ordinal, in digits or in words: "22nd", "twenty second"."""
    if "couple" in words:
        return 2
    parts = _PART.findall(words)
    if parts[0].isdigit():
        return int(parts[0])
    return sum(_WORD_VALUES.get(part, 0) for part in parts) or 1


def year_of(words: str, today: date, *, past: bool = False) -> int:
    """Returns a year that is written or spoken; two digits mean the century that makes it the nearer, or a past one."""
    digits = words.strip("'")
    if digits.isdigit():
        year = int(digits)
        if year > 99:
            return year
        year += today.year // 100 * 100
        return year - 100 if year > today.year + (0 if past else 20) else year
    return _spoken_year(_PART.findall(words))


def _spoken_year(parts: list[str]) -> int:
    rest = sum(_WORD_VALUES.get(part, 0) for part in parts[1:])
    if parts[1] in {"thousand", "hundred"}:
        return _WORD_VALUES[parts[0]] * (1000 if parts[1] == "thousand" else 100) + rest
    return _WORD_VALUES[parts[0]] * 100 + rest


def _fixed(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: day_or_none(year, month, day)


def _floating(month: int, weekday: int, nth: int, *, plus: int = 0) -> Callable[[int], date | None]:
    def of_year(year: int) -> date | None:
        day = nth_weekday(year, month, weekday, nth)
        return day and day + timedelta(days=plus)

    return of_year


def _from_easter(days: int) -> Callable[[int], date | None]:
    return lambda year: easter(year) + timedelta(days=days)


HOLIDAYS: Mapping[str, Callable[[int], date | None]] = {
    r"(?:christmas|xmas)\s?eve": _fixed(12, 24),
    r"(?:christmas|xmas)(?:\sday)?": _fixed(12, 25),
    r"boxing\sday": _fixed(12, 26),
    r"new\s?year'?s?\s?eve": _fixed(12, 31),
    r"new\s?year'?s?\sday|new\syear's": _fixed(1, 1),
    r"valentine'?s?'?(?:\sday)?": _fixed(2, 14),
    r"(?:st\.?|saint)\spatrick'?s?(?:\sday)?": _fixed(3, 17),
    r"april\sfools?'?s?(?:\sday)?": _fixed(4, 1),
    r"may\sday": _fixed(5, 1),
    r"independence\sday": _fixed(7, 4),
    r"halloween": _fixed(10, 31),
    r"veterans?'?s?\sday": _fixed(11, 11),
    r"(?:mlk|martin\sluther\sking)(?:,?\s(?:jr|junior)\.?)?(?:'s)?\sday": _floating(1, MONDAY, 3),
    r"(?:president'?s?'?|washington'?s?)\sday": _floating(2, MONDAY, 3),
    r"mother'?s?'?\sday": _floating(5, SUNDAY, 2),
    r"memorial\sday": _floating(5, MONDAY, -1),
    r"father'?s?'?\sday": _floating(6, SUNDAY, 3),
    r"labou?r\sday": _floating(9, MONDAY, 1),
    r"columbus\sday": _floating(10, MONDAY, 2),
    r"thanksgiving(?:\sday)?": _floating(11, THURSDAY, 4),
    r"black\sfriday": _floating(11, THURSDAY, 4, plus=1),
    r"good\sfriday": _from_easter(-2),
    r"easter\smonday": _from_easter(1),
    r"easter(?:\ssunday)?": _from_easter(0),
}
