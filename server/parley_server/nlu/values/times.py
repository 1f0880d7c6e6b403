"""Reads times of the day: slots of the type time.

An hour from 1 to 7 without am or pm is one of the afternoon, 12 is noon and the others are of the morning, unless words
of the message ("in the evening") say otherwise; such a reading has a lower score. A time is on the user's own clock: it
has no zone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.numerals import SMALL, TENS
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded

_REFUSAL = Refusal("Please give a time of the day, such as 3 pm, half past three or 15:00.")
_CONVENTIONAL = 0.7
"""The score of a time whose half of the day was taken by convention."""
_BARE = 0.5
"""The score of an hour that nothing but a word before it tells from any other number."""

_HOURS: Mapping[str, int] = {word: value for word, value in SMALL.items() if 1 <= value <= 12}
_WORD_VALUES: Mapping[str, int] = {
    **SMALL,
    **TENS,
    "quarter": 15,
    "half": 30,
    "a": 0,
    "an": 0,
    "oh": 0,
    "o": 0,
    "o'": 0,
}
_SMALL_HOURS = frozenset({12, 1, 2, 3, 4})
"""The hours that are said to be at night and are of the morning."""
_NAMED: Mapping[str, time] = {
    "noon": time(12),
    "midday": time(12),
    "noontime": time(12),
    "midnight": time(0),
}

_HOUR = rf"(?P<hour>\d{{1,2}}(?!\d)|(?:{'|'.join(_HOURS)})\b)"
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "|".join(word for word, value in SMALL.items() if value > 9)
_MINUTES = rf"(?:(?:twenty|thirty|forty|fifty)(?:[\s-](?:{_UNITS}))?|{_TEENS}|(?:oh|o)[\s-](?:{_UNITS}))"
_PART = "morning|afternoon|evening|night|tonight"
_BEHIND = (
    r"(?P<clock>\s?o['\x22]?\s?clock\b)?(?:\s?(?P<half>[ap])(?:\.?\s?m\b\.?|\b(?<=\d.)))?"
    rf"(?:,?\s(?:in\sthe\s|at\s|this\s|of\sthe\s|tomorrow\s|today\s)?(?P<part>{_PART})\b)?"
)
"""What may tell the half of the day behind a time."""
_BEFORE = re.compile(
    rf"\b(?:(?P<part>{_PART})(?:\s(?:at|around|about|by))?|at|by|around|about|from|until|till|before|after)\s+$"
)
_FORMS = tuple(
    (re.compile(sign), re.compile(form + _BEHIND))
    for sign, form in (
        (
            r"\d[:h.]\d",
            (
                r"(?<![\d:.,/-])(?P<hour>\d{1,2})(?P<sep>[:h.])(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
                r"(?![\d:]|[.,/]\d)"
            ),
        ),
        (r"\d{4}", r"(?<![\d:.,/-])(?P<hour>\d{2})(?P<minute>\d{2})(?=\s?(?:hours|hrs|h)\b)"),
        (
            r"\s(?:past|after|to|till|of|before)\s",
            (
                rf"\b(?P<minute>half|(?:a\s)?quarter|5|[12][05]|{_MINUTES}|five|\d{{1,2}}(?=\smin))(?:\s(?:minutes|mins?))?"
                rf"\s(?<!from\s..)(?<!from\s...)(?P<side>past|after|to|till|of|before)\s{_HOUR}(?!:)"
            ),
        ),
        (
            rf"\b(?:{'|'.join(_HOURS)})[\s-]",
            rf"\b(?P<hour>{'|'.join(_HOURS)})[\s-](?P<minute>{_MINUTES})\b(?!\s(?:dollars|bucks|people|percent))",
        ),
        (
            rf"\d|{'|'.join(_HOURS)}",
            rf"(?<![\d:.,/$€£#-])\b{_HOUR}(?![:/%$€£-]?\d|\.\d|,\d)",
        ),
    )
)
"""How times look, the surest first, each behind a sign that costs far less to look for."""
_NAMES = re.compile(rf"\b(?:{'|'.join(_NAMED)})\b")
_AHEAD = re.compile(
    r"\bin\s(?P<count>\d{1,3}|half\san?|an?|" + "|".join(SMALL) + r")\s(?P<unit>hours?|hrs?|minutes?|mins?)\b"
)
_LONE = re.compile(rf"\W*(?:{_HOUR}|(?P<four>(?:[01]\d|2[0-4])[0-5]\d))\W*")
_GATE = re.compile(
    rf"\d|noon|midday|midnight|(?<![a-z])(?:{'|'.join(_HOURS)}|half|quarter|in\san?)\b",
)
_MORNING = re.compile(r"\b(?:morning|breakfast|sunrise|dawn)\b")
_LATER = re.compile(r"\b(?:afternoon|evening|night|tonight|dinner|supper)\b")


@dataclass(frozen=True, slots=True)
class _Reading:
    value: time | None
    """None where the words name a time that no clock shows."""
    start: int
    end: int
    score: float


class TimeReader:
    """Reads times of the day."""

    def parse(self, words: object, _definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads an ISO time, or words that name one time; a lone hour will do."""
        if isinstance(words, time):
            return words.replace(tzinfo=None)
        if not isinstance(words, str):
            return _REFUSAL
        text = folded(words)
        lone = _LONE.fullmatch(text)
        if lone:
            text = f"{lone['four'][:2]}:{lone['four'][2:]}" if lone["four"] else f"at {lone['hour']}"
        readings = list(_readings(text, reference.now))
        impossible = next((reading for reading in readings if reading.value is None), None)
        if impossible is not None:
            return Refusal("There is no such time: please give one from 0:00 to 23:59.", words.strip())
        best = max((reading.score for reading in readings), default=0.0)
        times = {reading.value for reading in readings if reading.value and reading.score == best}
        if len(times) > 1:
            return Refusal("Please give one time alone.", words.strip())
        return times.pop() if times else _REFUSAL

    def find(self, message: str, _definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the times that a clock shows."""
        return [
            Candidate(
                value=reading.value, raw=message[reading.start : reading.end], start=reading.start, score=reading.score
            )
            for reading in _readings(folded(message), reference.now)
            if reading.value is not None
        ]


def _readings(text: str, now: datetime) -> Iterator[_Reading]:
    """Finds the times of a folded text, in order, none overlapping another."""
    if not _GATE.search(text):
        return
    found = [_from_now(match, now) for match in _AHEAD.finditer(text)]
    found += [_Reading(_NAMED[match[0]], *match.span(), 1.0) for match in _NAMES.finditer(text)]
    for sign, form in _FORMS:
        for match in form.finditer(text) if sign.search(text) else ():
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                reading = _reading(text, match)
                if reading is not None:
                    found.append(reading)
    yield from sorted(found, key=lambda reading: reading.start)


def _from_now(match: re.Match[str], now: datetime) -> _Reading:
    count, unit = match["count"], 60 if match["unit"].startswith("h") else 1
    number = 0.5 if count.startswith("half") else _worth(count) or 1
    moment = now + timedelta(minutes=number * unit)
    return _Reading(moment.time().replace(second=0, microsecond=0), *match.span(), 1.0)


def _reading(text: str, match: re.Match[str]) -> _Reading | None:
    """Reads what a form has found; None where it is any other number."""
    parts = match.groupdict(default="")
    before = _BEFORE.search(text, max(0, match.start() - 20), match.start())
    part = parts["part"] or (before["part"] if before else None) or ""
    sure = bool(parts["clock"] or parts["half"] or part or (parts.get("minute") and parts.get("sep") != "."))
    if not sure and before is None:
        return None
    hour, told = _hour_of_day(parts["hour"], parts["half"], part, text)
    minute, second = _worth(parts.get("minute", "")), _worth(parts.get("second", ""))
    if hour is not None and parts.get("side") in {"to", "till", "of", "before"}:
        hour, minute = (hour - 1) % 24, 60 - minute
    exists = hour is not None and hour < 24 and minute < 60 and second < 60
    score = min(1.0 if sure else _BARE, 1.0 if told else _CONVENTIONAL)
    return _Reading(time(hour or 0, minute, second) if exists else None, *match.span(), score)


def _hour_of_day(words: str, half: str, part: str, text: str) -> tuple[int | None, bool]:
    """Returns the hour from 0 to 24, and whether the words told the half of the day; None: there is no such hour."""
    hour = _worth(words)
    if half == "a":
        return (hour % 12 if 0 < hour < 13 else None), True
    if not 0 < hour < 13 or (words.startswith("0") and not half):
        return (None if half and hour == 0 else hour), True
    part = part or _part_of_day(text)
    if part == "morning" or (part in {"night", "tonight"} and hour in _SMALL_HOURS and not half):
        return hour % 12, True
    if half or part:
        return hour % 12 + 12, True
    return (hour if 7 < hour < 12 else hour % 12 + 12), False


def _part_of_day(text: str) -> str:
    """Returns the part of the day that a message is about."""
    if _MORNING.search(text):
        return "morning"
    return "evening" if _LATER.search(text) else ""


def _worth(words: str) -> int:
    if words.isdigit():
        return int(words)
    return sum(_WORD_VALUES[word] for word in re.split(r"[\s-]", words) if word)
