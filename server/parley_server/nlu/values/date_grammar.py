"""The grammar of dates in English text: numeric, named, relative, spoken, and the days that holidays fall on.

A date that leaves its year, month or week open is the first such day on or after today. "Next Friday" is the Friday of
the next Monday-to-Sunday week. Numeric dates are read in the locale's order unless only the other one is possible.

This module must not know slots. A text of another language is `foreign_dates`' affair.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeAlias

from parley_server.nlu.values.calendar_days import (
    day_or_none,
    first_from,
    in_week,
    month_day_from,
    nth_weekday,
    shifted,
    weekday_after,
    weekday_before,
)
from parley_server.nlu.values.date_words import (
    CARDINAL,
    CLOCK_UNITS,
    COUNT,
    DIGITS,
    HOLIDAYS,
    MONTH,
    MONTHS,
    ORDINAL,
    RELATIVE_DAYS,
    SPOKEN_YEAR,
    UNITS,
    WEEKDAY,
    WEEKDAYS,
    YEAR,
    month_of,
    number_of,
    weekday_of,
    year_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a date is counted from."""

    now: datetime
    day_first: bool = False
    """Whether 3/8 is the third of August."""
    past: bool = False
    """Whether the date is one of the past, as a date of birth is: decides the century of a year of two digits."""

    @property
    def today(self) -> date:
        """The day of `now`."""
        return self.now.date()


@dataclass(frozen=True, slots=True)
class Reading:
    """A date in a text; `day` is None where the words name a day that no calendar has."""

    day: date | None
    start: int
    end: int


_Match: TypeAlias = re.Match[str]
_Build: TypeAlias = Callable[[_Match, When], date | None]


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    build: _Build
    sure: bool = True
    """Whether the words can only be a date, so that one that does not exist is worth telling."""


def _rule(pattern: str, build: _Build, *, sure: bool = True) -> _Rule:
    return _Rule(re.compile(pattern), build, sure)


_RELATIVES: Mapping[str, int] = {
    "this": 0,
    "the": 0,
    "next": 1,
    "following": 1,
    "coming": 1,
    "last": -1,
    "previous": -1,
}


def _of_numbers(year: int, first: int, second: int, *, day_first: bool) -> date | None:
    month, day = (second, first) if day_first else (first, second)
    return day_or_none(year, month, day) or day_or_none(year, day, month)


def _numeric(match: _Match, when: When) -> date | None:
    year = year_of(match["year"], when.today, past=when.past)
    year_first = match.start("year") < match.start("a")
    return _of_numbers(year, int(match["a"]), int(match["b"]), day_first=when.day_first and not year_first)


def _numeric_open(match: _Match, when: When) -> date | None:
    first, second = int(match["a"]), int(match["b"])
    return first_from(when.today, lambda year: _of_numbers(year, first, second, day_first=when.day_first))


def _named(match: _Match, when: When) -> date | None:
    month, day = month_of(match["month"]), number_of(match["day"])
    if match["year"]:
        return day_or_none(year_of(match["year"], when.today, past=when.past), month, day)
    return first_from(when.today, lambda year: day_or_none(year, month, day))


def _of_month(match: _Match, when: When) -> date | None:
    """The year and month that "of next month", "in March 2027" mean; the first of it."""
    if match["relative"]:
        return shifted(when.today.replace(day=1), months=_RELATIVES[match["relative"]])
    month = month_of(match["month"])
    if match["year"]:
        return day_or_none(year_of(match["year"], when.today), month, 1)
    return first_from(when.today.replace(day=1), lambda year: day_or_none(year, month, 1))


def _nth_weekday(match: _Match, when: When) -> date | None:
    first = _of_month(match, when)
    nth = -1 if match["nth"] == "last" else number_of(match["nth"])
    return first and nth_weekday(first.year, first.month, weekday_of(match["weekday"]), nth)


def _day_of_month(match: _Match, when: When) -> date | None:
    if match["relative"] == "the" and match["nth"] != "last":
        return month_day_from(when.today, number_of(match["nth"]))
    first = _of_month(match, when)
    if match["nth"] == "last":
        return first and shifted(first, months=1, days=-1)
    return first and day_or_none(first.year, first.month, number_of(match["nth"]))


def _holiday(match: _Match, when: When) -> date | None:
    of_year = next(of_year for pattern, of_year in _HOLIDAYS if pattern.fullmatch(match["holiday"]))
    if match["year"]:
        return of_year(year_of(match["year"], when.today))
    if match["relative"] == "last":
        days = (of_year(when.today.year - back) for back in range(2))
        return next((day for day in days if day and day < when.today), None)
    return first_from(when.today, of_year)


def _weekday_of_week(match: _Match, when: When) -> date:
    return in_week(when.today, weekday_of(match["weekday"]), _RELATIVES[match["relative"]])


def _weekday_after_next(match: _Match, when: When) -> date:
    return in_week(when.today, weekday_of(match["weekday"]), 2)


def _weekday_week(match: _Match, when: When) -> date:
    return weekday_after(when.today, weekday_of(match["weekday"])) + timedelta(weeks=1)


def _weekday_with_day(match: _Match, when: When) -> date | None:
    return month_day_from(when.today, number_of(match["day"]), weekday=weekday_of(match["weekday"]))


def _counted_weekdays(match: _Match, when: When) -> date:
    weeks = timedelta(weeks=number_of(match["count"]) - 1)
    weekday = weekday_of(match["weekday"])
    if match["side"] == "ago":
        return weekday_before(when.today, weekday) - weeks
    return weekday_after(when.today, weekday) + weeks


def _relative_weekday(match: _Match, when: When) -> date:
    weekday, relative = weekday_of(match["weekday"]), match["relative"]
    if relative.endswith("past"):
        return weekday_before(when.today, weekday)
    if relative.endswith(("coming", "following")):
        return weekday_after(when.today, weekday)
    if relative == "this":
        return weekday_after(when.today - timedelta(days=1), weekday)
    return in_week(when.today, weekday, _RELATIVES[relative])


def _weekday(match: _Match, when: When) -> date:
    return weekday_after(when.today, weekday_of(match["weekday"]))


def _relative_day(match: _Match, when: When) -> date:
    return when.today + timedelta(days=RELATIVE_DAYS[match["word"].replace("'", "")])


def _today(_: _Match, when: When) -> date:
    return when.today


def _next_day(_: _Match, when: When) -> date:
    return when.today + timedelta(days=1)


def _day_number(match: _Match, when: When) -> date | None:
    return month_day_from(when.today, number_of(match["day"]))


def _moved(start: datetime, duration: str, sign: int) -> date | None:
    """Moves a moment by the parts of a duration: "2 years 21 days", "half an hour"."""
    minutes = 0
    moves = dict.fromkeys(("years", "months", "days"), 0)
    for part in _PART.finditer(duration):
        count = 0.5 if part["count"].startswith("half") else number_of(part["count"])
        unit = part["unit"]
        if unit in CLOCK_UNITS:
            minutes += int(count * CLOCK_UNITS[unit])
        elif unit in _DAYS_OF:
            moves["days"] += sign * int(count * _DAYS_OF[unit])
        else:
            moves[UNITS[unit]] += sign * int(count)
    try:
        moment = start + sign * timedelta(minutes=minutes)
    except OverflowError:
        return None
    return shifted(moment.date(), years=moves["years"], months=moves["months"], days=moves["days"])


def _from_now(match: _Match, when: When) -> date | None:
    return _moved(when.now, match["duration"], -1 if match["side"] in {"ago", "back"} else 1)


_DAYS_OF: Mapping[str, int] = {"day": 1, "week": 7, "fortnight": 14}
_UNIT = "|".join((*UNITS, *CLOCK_UNITS))
_PART = re.compile(rf"(?P<count>{COUNT}|half\san?)\s?(?P<unit>{_UNIT})")
_DURATION = rf"(?:{COUNT}|half\san?)\s?(?:{_UNIT})s?(?:(?:,|\sand)?\s(?:{COUNT})\s?(?:{_UNIT})s?)*\b'?s?'?"
_HOLIDAYS = [(re.compile(pattern), of_year) for pattern, of_year in HOLIDAYS.items()]

_LEAD = rf"(?:{WEEKDAY},?\s(?:on\s)?(?:the\s)?)?"
_SHORT_YEAR = r"(?<=[-/])\d\d\b|\d\d(?=\W*$)"
_YEAR_BEHIND = rf"(?:(?:\s?[,.]?\s|\s?[-/.,]\s?|,?\sof\s|,?\sin\s)(?P<year>{YEAR}|{_SHORT_YEAR}))?"
_NUMBER = rf"(?:{ORDINAL}|{DIGITS})"
_NAMED_DAY = (
    rf"(?P<day>{ORDINAL}|{DIGITS}(?!\s*(?:people|guests|persons|adults|rooms|nights|[ap]\.?m\b|o'?clock))"
    rf"|{CARDINAL}(?:(?=\s{SPOKEN_YEAR})|(?![\s-](?:thousand|hundred|[a-z]+teen|[a-z]+ty|ten|eleven|twelve|people|guests))))"
)
_RANGE = r"\s?(?:[-\u2013]|to|till|until|through|thru|and|or)\s?(?:the\s)?"
_IN_MONTH = rf"(?:(?P<relative>this|the|next|last)\smonth|(?P<month>{MONTH}){_YEAR_BEHIND})"
_AFTER_DAY = (
    r"(?=\s*(?:$|[.,!?;:)-](?!\d)|(?:at|to|from|for|till|until|and|or|in|please|around|about|by|through|thru|with|if|is|"
    r"would|will|works?|sounds?|@|as|because|so|but|then|instead|not|i|we|my|morning|afternoon|evening|night|onwards?|"
    r"when|it|there|after|before|between|\d{1,2}(?::\d\d|\s?[ap]m))\b))"
)
_FULL_WEEKDAY = "|".join(name for name in WEEKDAYS if name.endswith("day"))

_NUMERIC_RULES = (
    _rule(r"(?<!\d)(?<!\d[-/.])(?P<year>\d{4})(?P<sep>[-/.])(?P<a>\d{1,2})(?P=sep)(?P<b>\d{1,2})(?!\d)", _numeric),
    _rule(
        rf"(?<!\d)(?<!\d[-/.]){_LEAD}(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep)"
        r"(?P<year>\d{4}|\d{2})(?!\d|[-/.]\d)",
        _numeric,
    ),
    _rule(r"(?<![\d.+-])(?P<a>\d{1,2})\s(?P<b>\d{1,2})\s(?P<year>(?:19|20)\d\d)(?![\d:-])", _numeric, sure=False),
    _rule(r"(?<![\w.+-])(?P<year>(?:19|20)\d\d)(?P<a>0\d|1[0-2])(?P<b>[0-2]\d|3[01])(?![\w-])", _numeric, sure=False),
    _rule(
        rf"(?<![\d/.$€£-]){_LEAD}(?!24/7)(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})(?!\d|/|\.\d|\s?(?:hours?|of|cups?|miles?)\b)",
        _numeric_open,
        sure=False,
    ),
    _rule(
        r"(?<=\b(?:on|by)\s)(?P<a>\d{1,2})[.-](?P<b>\d{1,2})(?![\d-]|\.\d|\s?[ap]\.?m\b|\s?(?:stars?|out)\b)",
        _numeric_open,
        sure=False,
    ),
)
_MONTH_RULES = (
    _rule(rf"\b(?P<year>\d{{4}})[-/.,\s]+(?P<month>{MONTH})[-/.,\s]+(?P<day>{_NUMBER})", _named),
    _rule(rf"\b(?P<year>\d{{4}})[-/.,\s]+(?P<day>{_NUMBER})[-/.,\s]+(?P<month>{MONTH})", _named),
    _rule(rf"\b(?P<day>{_NUMBER})[-/.,\s]+(?P<year>\d{{4}})[-/.,\s]+(?P<month>{MONTH})", _named),
    _rule(rf"\b(?P<day>{_NUMBER})(?={_RANGE}{_NUMBER}\s(?:of\s)?(?P<month>{MONTH}){_YEAR_BEHIND})", _named),
    _rule(rf"\b(?P<month>{MONTH})\s(?:the\s)?(?P<day>{_NUMBER})(?={_RANGE}{_NUMBER},?\s(?P<year>{YEAR}))", _named),
    _rule(
        rf"\b{_LEAD}(?P<day>{_NUMBER}|{CARDINAL}(?=\sof\b|\s[a-z]+,?\s{YEAR}))"
        rf"(?:\sday)?[\s,./-]*(?:of\s|in\s)?(?P<month>{MONTH}){_YEAR_BEHIND}",
        _named,
    ),
    _rule(rf"\b{_LEAD}(?P<month>{MONTH})[\s,./-]*(?:the\s)?{_NAMED_DAY}{_YEAR_BEHIND}", _named),
)
_HOLIDAY_RULES = (
    _rule(
        rf"\b(?:(?P<relative>this|next|last)\s)?(?P<holiday>{'|'.join(HOLIDAYS)})\b{_YEAR_BEHIND}",
        _holiday,
    ),
)
_RELATIVE_WEEK = r"(?P<relative>this|next|last|following|coming)\sweek"
_WEEKDAY_RULES = (
    _rule(
        rf"\b(?P<nth>first|second|third|fourth|fifth|last|[1-5](?:st|nd|rd|th))\s(?P<weekday>{WEEKDAY})"
        rf"\s(?:of|in)\s{_IN_MONTH}",
        _nth_weekday,
    ),
    _rule(rf"\b(?P<weekday>{WEEKDAY}),?\s(?:of\s|on\s|in\s)?(?:the\s)?{_RELATIVE_WEEK}\b", _weekday_of_week),
    _rule(rf"\b{_RELATIVE_WEEK}(?:'?s)?,?\s(?:on\s)?(?P<weekday>{WEEKDAY})", _weekday_of_week),
    _rule(rf"\b(?P<weekday>{WEEKDAY})\safter\snext\b", _weekday_after_next),
    _rule(rf"\b(?P<weekday>{WEEKDAY})\sweek\b", _weekday_week),
    _rule(rf"\b(?P<weekday>{WEEKDAY}),?\s(?:on\s)?(?:the\s)?(?P<day>{ORDINAL})", _weekday_with_day),
    _rule(
        rf"\b(?P<count>{COUNT})\s(?P<weekday>{'|'.join(WEEKDAYS)})s\s(?P<side>from\s(?:now|today)|hence|later|ago)\b",
        _counted_weekdays,
    ),
    _rule(
        r"\b(?P<relative>this\s(?:up)?coming|this\spast|next|last|past|previous|(?:up)?coming|following|this)\s"
        rf"(?P<weekday>{WEEKDAY})",
        _relative_weekday,
    ),
    _rule(rf"\b(?P<weekday>{_FULL_WEEKDAY})\b", _weekday),
    _rule(
        rf"(?:^\W*|\b(?:on|by|until|till|for|from)\s)(?P<weekday>{WEEKDAY})"
        r"(?=\W*$|[,.]|\s(?:at|morning|evening|night|afternoon|\d))",
        _weekday,
    ),
)
_RELATIVE_RULES = (
    _rule(
        rf"\b(?P<duration>{_DURATION})\s(?P<side>ago|back|later|hence|time|from\s(?:now|today|this\sday)|after\stoday)\b",
        _from_now,
    ),
    _rule(
        rf"\b(?P<side>in|upcoming)\s(?:about\s|exactly\s)?(?P<duration>{_DURATION})"
        r"(?!\s(?:before|after|from|since|a\s)\b)",
        _from_now,
    ),
    _rule(rf"\b(?P<nth>last|{_NUMBER}|{CARDINAL})\s(?:day\s)?(?:of|in)\s{_IN_MONTH}", _day_of_month),
    _rule(rf"\b(?P<relative>this|next)(?P<month>\smonth)(?P<year>),?\s(?:on\s)?the\s(?P<nth>{ORDINAL})", _day_of_month),
    _rule(rf"\b(?P<word>{'|'.join(RELATIVE_DAYS)})\b", _relative_day),
    _rule(r"\bthe\s(?:next|following)\sday\b", _next_day),
    _rule(r"\bthis\s(?:morning|afternoon|evening)\b", _today),
    _rule(r"^\W*(?:now|right\snow|at\s(?:this|the)\s(?:time|moment)|immediately)\W*$", _today),
)
_DAY_RULES = (
    _rule(rf"\b(?:the|on|by|until|till|from|to|for|of)\s(?P<day>{ORDINAL}){_AFTER_DAY}", _day_number),
    _rule(rf"^\W*(?P<day>{ORDINAL})\W*$", _day_number),
    _rule(rf"\bon\s(?P<day>{DIGITS})(?=\W*$|\sat\b)", _day_number, sure=False),
)

_FAMILIES: Sequence[tuple[re.Pattern[str], Sequence[_Rule]]] = (
    (re.compile(r"\d[-/.]\d|\d{8}|\d\s\d+\s\d{4}"), _NUMERIC_RULES),
    (re.compile(rf"(?:{'|'.join(MONTHS)})\b"), _MONTH_RULES),
    (re.compile(r"day|valen|christ|xmas|easter|new\s?year|hallo|thanks|patrick|fool"), _HOLIDAY_RULES),
    (re.compile(rf"(?:{'|'.join(WEEKDAYS)})"), _WEEKDAY_RULES),
    (
        re.compile(r"to[dmn]|tmr|2mor|yester|this|now|(?:ago|back|later|hence|time|from|in|upc|day|mon)"),
        _RELATIVE_RULES,
    ),
    (re.compile(r"st\b|nd\b|rd\b|th\b|on\s\d"), _DAY_RULES),
)
_GATE = re.compile(
    rf"\d|(?<![a-z])(?:{'|'.join(sorted(MONTHS, key=len))}|{'|'.join(sorted(WEEKDAYS, key=len))}"
    r"|to[dmn]|tmr|yester|this|now|in\s|at\sth|hour|(?:a|the|one|two)\s|xmas|christ|valen|easter|new|hallo|thanks|day)"
)
_OFFSET_BEFORE = re.compile(
    rf"(?<!for\s)(?P<duration>\b{_DURATION}|\b(?:day|week))\s(?P<side>before|after|from|since|past)\s(?:the\s)?$"
)
_OFFSET_BEHIND = re.compile(rf"\s*(?P<sign>[+-])\s?(?P<duration>\d+\s?(?:{'|'.join(UNITS)})s?\b)")


def dates_in(text: str, when: When) -> list[Reading]:
    """Finds the dates of a folded text, in order, none overlapping another."""
    if not _GATE.search(text):
        return []
    found: list[Reading] = []
    for gate, rules in _FAMILIES:
        if not gate.search(text):
            continue
        for rule in rules:
            for match in rule.pattern.finditer(text):
                _add(found, rule, match, when)
    found = [_offset(text, reading, when) for reading in found]
    return sorted(found, key=lambda reading: reading.start)


def _add(found: list[Reading], rule: _Rule, match: _Match, when: When) -> None:
    start, end = match.span()
    if any(start < reading.end and reading.start < end for reading in found):
        return
    day = rule.build(match, when)
    if day is not None or rule.sure:
        found.append(Reading(day, start, end))


def _offset(text: str, reading: Reading, when: When) -> Reading:
    """Takes along what moves a date: "two weeks after" before it, "+ 3 days" behind it."""
    if reading.day is None:
        return reading
    noon = when.now.replace(hour=12)
    anchor = datetime.combine(reading.day, noon.timetz())
    before = _OFFSET_BEFORE.search(text, max(0, reading.start - 60), reading.start)
    if before:
        duration = before["duration"] if " " in before["duration"] else f"1 {before['duration']}"
        return replace(
            reading, day=_moved(anchor, duration, -1 if before["side"] == "before" else 1), start=before.start()
        )
    behind = _OFFSET_BEHIND.match(text, reading.end)
    if behind:
        return replace(
            reading, day=_moved(anchor, behind["duration"], -1 if behind["sign"] == "-" else 1), end=behind.end()
        )
    return reading
