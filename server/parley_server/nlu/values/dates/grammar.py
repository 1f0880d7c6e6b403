"""The grammar of dates in English text: numeric, named, relative, spoken, and the days that holidays fall on.

This module knows how the phrases look, `meanings` what they mean. A text of another language is `foreign`'
affair.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import TypeAlias

from parley_server.nlu.values.dates import meanings
from parley_server.nlu.values.dates.calendar_days import month_day_from
from parley_server.nlu.values.dates.meanings import When
from parley_server.nlu.values.dates.vocabulary import (
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
    number_of,
)

_Build: TypeAlias = Callable[[re.Match[str], When], date | None]

_OPEN: frozenset[_Build] = frozenset(
    {meanings.numeric_open, meanings.named, meanings.holiday, meanings.weekday, meanings.day_number}
)
"""What may leave the year, month or week open."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A date in a text."""

    day: date | None
    """None where the words name a day that no calendar has."""
    start: int
    end: int
    past: date | None = None
    """The last such day before today, where the words leave the year, month or week open."""


@dataclass(frozen=True, slots=True)
class _Rule:
    patterns: Sequence[re.Pattern[str]]
    """Of what they match, what begins first counts: "March 6, March 9" has no "6, March"."""
    build: _Build
    sure: bool = True
    """Whether the words can only be a date, so that one that does not exist is worth telling."""
    sign: str = ""
    """What stands in all that it matches. Costs far less to look for."""


def _rule(pattern: str, build: _Build, *, sure: bool = True, sign: str = "") -> _Rule:
    return _Rule((re.compile(pattern),), build, sure, sign)


_UNIT = "|".join((*UNITS, *CLOCK_UNITS))
_FURTHER = rf"(?:(?:,|\sand)?\s(?:{COUNT})\s?(?:{_UNIT})s?){{0,4}}\b'?s?'?"
_DURATION = rf"(?:{COUNT}|half\san?)\s?(?:{_UNIT})s?{_FURTHER}"
_DAYS = rf"(?:{COUNT}|half\san?)\s?(?:{'|'.join(UNITS)})s?{_FURTHER}"
"""A duration of a day or more."""
_LEAD = rf"(?:{WEEKDAY},?\s(?:on\s)?(?:the\s)?)?"
_SHORT_YEAR = r"(?<=/)\d\d\b|(?<=[a-z]-)\d\d\b|(?<=[\da-z.,]\s)\d\d(?=\W*$)"
_YEAR_BEHIND = rf"(?:(?:\s?[,.]?\s|\s?[-/.,]\s?|,?\sof\s|,?\sin\s)(?P<year>{YEAR}|{_SHORT_YEAR}))?"
_NUMBER = rf"(?:{ORDINAL}|{DIGITS})"
_NAMED_DAY = (
    rf"(?P<day>{ORDINAL}|{DIGITS}(?!\s*(?:people|guests|persons|adults|rooms|nights|[ap]\.?m\b|o'?clock))"
    rf"|{CARDINAL}(?:(?=\s{SPOKEN_YEAR})|(?![\s-](?:thousand|hundred|[a-z]+teen|[a-z]+ty|ten|eleven|twelve|people|guests))))"
)
_RANGE = r"\s?(?:-|to|till|until|through|thru|and|or)\s?(?:the\s)?"
_IN_MONTH = rf"(?:(?P<relative>this|the|next|last)\smonth|(?P<month>{MONTH}){_YEAR_BEHIND})"
_AFTER_DAY = (
    r"(?=\s*(?:$|[.,!?;:)-](?!\d)|(?:at|to|from|for|till|until|and|or|in|please|around|about|by|through|thru|with|if|is|"
    r"would|will|works?|sounds?|@|as|because|so|but|then|instead|not|i|we|my|morning|afternoon|evening|night|onwards?|"
    r"when|it|there|after|before|between|\d{1,2}(?::\d\d|\s?[ap]m))\b))"
)
_FULL_WEEKDAY = "|".join(name for name in WEEKDAYS if name.endswith("day"))

_NUMERIC_RULES = (
    _rule(
        r"(?<!\d)(?<!\d[-/.])(?P<year>\d{4})(?P<sep>[-/.])(?P<a>\d{1,2})(?P=sep)(?P<b>\d{1,2})(?!\d)", meanings.numeric
    ),
    _rule(
        rf"(?<!\d)(?<!\d[-/.]){_LEAD}(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep)"
        r"(?P<year>\d{4}|\d{2})(?!\d|[-/.]\d)",
        meanings.numeric,
    ),
    _rule(
        r"(?<![\d.+-])(?P<a>\d{1,2})\s(?P<b>\d{1,2})\s(?P<year>(?:19|20)\d\d)(?![\d:-])", meanings.numeric, sure=False
    ),
    _rule(
        r"(?<![\w.+-])(?P<year>(?:19|20)\d\d)(?P<a>0\d|1[0-2])(?P<b>[0-2]\d|3[01])(?![\w-])",
        meanings.numeric,
        sure=False,
    ),
    _rule(
        rf"(?<![\d/.$€£-]){_LEAD}(?!24/7)(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})(?!\d|/|\.\d|\s?(?:hours?|of|cups?|miles?)\b)",
        meanings.numeric_open,
        sure=False,
    ),
    _rule(
        r"(?<=\b(?:on|by)\s)(?P<a>\d{1,2})[.-](?P<b>\d{1,2})(?![\d-]|\.\d|\s?[ap]\.?m\b|\s?(?:stars?|out)\b)",
        meanings.numeric_open,
        sure=False,
    ),
)
_MONTH_NUMBER_RULES = (
    _rule(
        rf"\b(?P<day>{ORDINAL})\sof\sthe\s(?P<month>{ORDINAL})(?:\sof)?,?\s(?P<year>{YEAR})", meanings.numbered_month
    ),
)
_MONTH_RULES = (
    _rule(rf"\b(?P<year>\d{{4}})[-/.,\s]+(?P<month>{MONTH})[-/.,\s]+(?P<day>{_NUMBER})", meanings.named),
    _rule(rf"\b(?P<year>\d{{4}})[-/.,\s]+(?P<day>{_NUMBER})[-/.,\s]+(?P<month>{MONTH})", meanings.named),
    _rule(rf"\b(?P<day>{_NUMBER})[-/.,\s]+(?P<year>\d{{4}})[-/.,\s]+(?P<month>{MONTH})", meanings.named),
    _rule(rf"\b(?P<day>{_NUMBER})(?={_RANGE}{_NUMBER}\s(?:of\s)?(?P<month>{MONTH}){_YEAR_BEHIND})", meanings.named),
    _rule(
        rf"\b(?P<month>{MONTH})\s(?:the\s)?(?P<day>{_NUMBER})(?={_RANGE}{_NUMBER},?\s(?P<year>{YEAR}))", meanings.named
    ),
    _Rule(
        (
            re.compile(
                rf"\b{_LEAD}(?P<day>{_NUMBER}|{CARDINAL}(?=\sof\b|\s[a-z]+,?\s{YEAR}))"
                rf"(?:\sday)?[\s,./-]*(?:of\s|in\s)?(?P<month>{MONTH}){_YEAR_BEHIND}"
            ),
            re.compile(rf"\b{_LEAD}(?P<month>{MONTH})[\s,./-]*(?:the\s)?{_NAMED_DAY}{_YEAR_BEHIND}"),
        ),
        meanings.named,
    ),
)
_HOLIDAY_RULES = (
    _rule(
        rf"\b(?:(?P<relative>this|next|last)\s)?(?P<holiday>{'|'.join(HOLIDAYS)})\b{_YEAR_BEHIND}",
        meanings.holiday,
    ),
)
_RELATIVE_WEEK = r"(?P<relative>this|next|last|following|coming)\sweek"
_WEEKDAY_RULES = (
    _rule(
        rf"\b(?P<nth>first|second|third|fourth|fifth|last|[1-5](?:st|nd|rd|th))\s(?P<weekday>{WEEKDAY})"
        rf"\s(?:of|in)\s{_IN_MONTH}",
        meanings.weekday_of_month,
    ),
    _rule(
        rf"\b(?P<weekday>{WEEKDAY}),?\s(?:of\s|on\s|in\s)?(?:the\s)?{_RELATIVE_WEEK}\b",
        meanings.weekday_of_week,
        sign="week",
    ),
    _rule(rf"\b{_RELATIVE_WEEK}(?:'?s)?,?\s(?:on\s)?(?P<weekday>{WEEKDAY})", meanings.weekday_of_week, sign="week"),
    _rule(rf"\b(?P<weekday>{WEEKDAY})\safter\snext\b", meanings.weekday_after_next, sign="after"),
    _rule(rf"\b(?P<weekday>{WEEKDAY})\sweek\b", meanings.weekday_week, sign="week"),
    _rule(rf"\b(?P<weekday>{WEEKDAY}),?\s(?:on\s)?(?:the\s)?(?P<day>{ORDINAL})", meanings.weekday_with_day),
    _rule(
        rf"\b(?P<count>{COUNT})\s(?P<weekday>{'|'.join(WEEKDAYS)})s\s(?P<side>from\s(?:now|today)|hence|later|ago)\b",
        meanings.counted_weekdays,
    ),
    _rule(
        r"\b(?P<relative>this\s(?:up)?coming|this\spast|next|last|past|previous|(?:up)?coming|following|this)\s"
        rf"(?P<weekday>{WEEKDAY})",
        meanings.relative_weekday,
    ),
    _rule(rf"\b(?P<weekday>{_FULL_WEEKDAY})\b", meanings.weekday),
    _rule(
        rf"(?:^\W*|\b(?:on|by|until|till|for|from)\s)(?P<weekday>{WEEKDAY})"
        r"(?=\W*$|[,.]|\s(?:at|morning|evening|night|afternoon|\d))",
        meanings.weekday,
    ),
)
_DISTANCE_RULES = (
    _rule(
        rf"\b(?P<duration>{_DURATION})\s(?P<side>ago|from\s(?:now|today|this\sday)|after\stoday)\b",
        meanings.from_now,
    ),
    # What is an hour later, than whatever, is a time.
    _rule(rf"\b(?P<duration>{_DAYS})\s(?P<side>back|later|hence|time)\b", meanings.from_now),
    _rule(
        rf"\b(?P<side>in|after(?=[^.]*?\b(?:{'|'.join(UNITS)}))|upcoming)\s(?:about\s|exactly\s)?(?P<duration>{_DURATION})"
        r"(?!\s(?:before|after|from|since|a\s)\b)",
        meanings.from_now,
    ),
    _rule(
        rf"(?:^\W*|\b(?:for|already)\s)(?:(?:about|around|like|over|roughly|maybe)\s)*(?P<duration>{_DAYS})(?=\W*$|\snow\b)",
        meanings.lasting,
        sure=False,
    ),
)
_MONTH_DAY_RULES = (
    _rule(rf"\b(?P<nth>last|{_NUMBER}|{CARDINAL})\s(?:day\s)?(?:of|in)\s{_IN_MONTH}", meanings.day_of_month),
    _rule(
        rf"\b(?P<relative>this|next)(?P<month>\smonth)(?P<year>),?\s(?:on\s)?the\s(?P<nth>{ORDINAL})",
        meanings.day_of_month,
    ),
)
_RELATIVE_RULES = (
    _rule(rf"\b(?P<word>{'|'.join(RELATIVE_DAYS)})\b", meanings.relative_day),
    _rule(r"\bthe\s(?:next|following)\sday\b", meanings.next_day, sign="day"),
    _rule(r"\blast\s(?:night|evening)\b", meanings.day_before, sign="last"),
    _rule(r"\bthis\s(?:morning|afternoon|evening)\b", meanings.today, sign="this"),
    _rule(r"^\W*(?:now|right\snow|at\s(?:this|the)\s(?:time|moment)|immediately)\W*$", meanings.today),
)
_DAY_RULES = (
    _rule(rf"\b(?:the|on|by|until|till|from|to|for|of)\s(?P<day>{ORDINAL}){_AFTER_DAY}", meanings.day_number),
    _rule(rf"^\W*(?P<day>{ORDINAL})\W*$", meanings.day_number),
    _rule(rf"\bon\s(?P<day>{DIGITS})(?=\W*$|\sat\b)", meanings.day_number, sure=False),
)

_FAMILIES: Sequence[tuple[re.Pattern[str], Sequence[_Rule]]] = (
    (re.compile(r"\d(?:[-/.]\d|\d{7}|\s\d+\s\d{4})"), _NUMERIC_RULES),
    (re.compile(r"of\sthe\s\w"), _MONTH_NUMBER_RULES),
    (re.compile(rf"(?:{'|'.join(MONTHS)})\b"), _MONTH_RULES),
    (
        re.compile(
            r"day(?<=\sday)|good\sfri|black\sfri|valen|christ|xmas|easter|thanksg|new\s?year|hallo|patrick|fool"
        ),
        _HOLIDAY_RULES,
    ),
    (re.compile(rf"(?:{'|'.join(WEEKDAYS)})"), _WEEKDAY_RULES),
    (re.compile(rf"(?:{_UNIT})(?<!onday)(?<!unday)(?<!iday)(?<!sday)(?<!rday)s?\b"), _DISTANCE_RULES),
    (re.compile(r"\s(?:of|in|month)\s"), _MONTH_DAY_RULES),
    (re.compile(r"to[dmn]|tmr|2mor|yester|this|now|day(?<=\sday)|time|mom|imm|last\s"), _RELATIVE_RULES),
    (re.compile(r"st\b|nd\b|rd\b|th\b|on\s\d"), _DAY_RULES),
)
_GATE = re.compile(
    r"\d|(?<![a-z])(?:a(?:pr|ug)|jan|ju[nl]|feb|fri|ma[ry]|mon|se[pvc]|six|eigh|fi[rf]|four|nin|elev|oct|nov|dec|t(?:ue|hu|o[dmn]|mr|his\s|en|welf|wen|hir)|we[de]|s(?:at|un)|"
    r"2mor|yest|last\s|now|right\snow|at\sth|imm|christ|xmas|valen|easter|thanksg|new\s?year|hallo|good\sfri|black\sfri|boxing|indep|"
    r"pres|fath|vet|lab|col|mlk|st\.?\spat|wash)|(?:day|week|fortnight|month|year|hour|minute|min|hr)s?\b"
)
_OFFSET_BEFORE = re.compile(
    rf"(?<!for\s)(?:(?P<duration>\b{_DURATION}|\b(?:day|week))\s(?P<side>before|after|from|since|past)"
    r"|(?<!once\s)(?<!twice\s)(?<!times\s)\b(?P<weeks>(?:a|one|two|three)\s(?:week|fortnight)s?)\son)\s(?:the\s)?$"
)
"""What moves a date that comes next; "a week on Friday" is a week after it."""
_SINCE = re.compile(r"\bsince\s(?:about\s|around\s)?(?:the\s)?$")
_OFFSET_BEHIND = re.compile(rf"\s*(?P<sign>[+-])\s?(?P<duration>\d+\s?(?:{'|'.join(UNITS)})s?\b)")
_RANGE_END = re.compile(
    rf"{_RANGE}(?P<day>{_NUMBER})(?!\w|\s?(?:of\s|{MONTH}|[ap]\.?m\b|o'?clock|{_UNIT}|people|persons?|guests?|adults?|kids?|children|rooms?|tickets?|seats?|[-/:\d]|\.\d))"
)
_LONGEST_OFFSET = 60
"""How many characters may stand before a date to move it."""


def has_date(text: str) -> bool:
    """Whether a folded text may hold a date. Costs far less than to look for it."""
    return _GATE.search(text) is not None


@lru_cache(maxsize=8)
def dates_in(text: str, when: When) -> Sequence[Reading]:
    """Finds the dates of a folded text, in order, none overlapping another."""
    found: list[Reading] = []
    for gate, rules in _FAMILIES:
        if gate.search(text):
            for rule in rules:
                _apply(rule, text, when, found)
    for reading in sorted(found, key=lambda reading: reading.start):
        end = _range_end(text, reading)
        if end is not None:
            found = [*(other for other in found if _is_free([other], end.start, end.end)), end]
    found = [_offset(text, reading, when) for reading in found]
    return sorted(found, key=lambda reading: reading.start)


def _apply(rule: _Rule, text: str, when: When, found: list[Reading]) -> None:
    """Adds what a rule reads where nothing is read yet."""
    if rule.sign not in text:
        return
    matches = [match for pattern in rule.patterns for match in pattern.finditer(text)]
    if len(matches) > 1:
        matches.sort(key=_start)
    for match in matches:
        if _is_free(found, *match.span()):
            day = rule.build(match, when)
            if day is not None or rule.sure:
                past = rule.build(match, replace(when, back=True)) if rule.build in _OPEN else None
                found.append(Reading(day, *match.span(), past if past != day else None))


def _start(match: re.Match[str]) -> int:
    return match.start()


def _is_free(found: Sequence[Reading], start: int, end: int) -> bool:
    return not any(start < reading.end and reading.start < end for reading in found)


def _range_end(text: str, reading: Reading) -> Reading | None:
    """Reads the second day of "March 3 - 5", or of "the 28th to the 2nd"."""
    match = _RANGE_END.match(text, reading.end)
    if match is None or reading.day is None:
        return None
    day = month_day_from(reading.day, number_of(match["day"]))
    return Reading(day, match.start("day"), match.end("day")) if day else None


def _offset(text: str, reading: Reading, when: When) -> Reading:
    """Takes along what moves a date: "two weeks after" before it, "+ 3 days" behind it, "since" to the past."""
    if reading.day is None:
        return reading
    if reading.past and _SINCE.search(text, max(0, reading.start - _LONGEST_OFFSET), reading.start):
        return replace(reading, day=reading.past, past=None)
    anchor = datetime.combine(reading.day, when.now.timetz())
    before = _OFFSET_BEFORE.search(text, max(0, reading.start - _LONGEST_OFFSET), reading.start)
    if before:
        duration = before["duration"] or before["weeks"]
        duration = duration if " " in duration else f"1 {duration}"
        sign = -1 if before["side"] == "before" else 1
        return Reading(meanings.moved(anchor, duration, sign), before.start(), reading.end)
    behind = _OFFSET_BEHIND.match(text, reading.end)
    if behind:
        sign = -1 if behind["sign"] == "-" else 1
        return Reading(meanings.moved(anchor, behind["duration"], sign), reading.start, behind.end())
    return reading
