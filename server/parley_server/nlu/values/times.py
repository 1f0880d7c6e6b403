"""Reads times of the day: slots of the type time.

An hour from 1 to 7 without am or pm is one of the afternoon, 12 is noon and the others are of the morning, unless words
of the message ("in the evening") or of the slot's definition ("dinner time") say otherwise; such a reading has a lower
score, and the other half of the day is what it may mean else. A time is on the user's own clock: it has no zone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.corrections import is_replaced
from parley_server.nlu.values.numerals import SMALL, TENS
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded

_REFUSAL = Refusal("Please give a time of the day, such as 3 pm, half past three or 15:00.")
_CONVENTIONAL = 0.7
"""The score of a time whose half of the day was taken by convention."""
_BARE = 0.5
"""The score of an hour that nothing but a word before it tells from any other number."""
_LONE = 0.35
"""The score of an hour that nothing tells from any other number: enough only where a time was asked for."""

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
    rf"\b(?:(?P<part>{_PART})(?:\s(?:at|around|about|by))?|at|by|around|about|from|until|till|before|after)\s+$|@\s?$"
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
            r"\d\s?(?:h|uhr)\b",
            (
                r"(?<![\d:.,/-])(?P<hour>\d{1,2})\s?(?P<told>uhr|(?<=(?:1[3-9]|2[0-3]))h|(?<=(?:1[3-9]|2[0-3])\s)h)\b"
                r"(?:\s(?P<minute>[0-5]\d)\b)?"
            ),
        ),
        (r"\bhalf\s", rf"(?<!\ba\s)\b(?P<minute>half)(?P<sep>\s){_HOUR}(?![:\d])"),
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
_NAMES = re.compile(rf"\b(?P<name>{'|'.join(_NAMED)})(?:-?ish)?\b")
_AHEAD = re.compile(
    r"\bin\s(?P<count>\d{1,3}|half\san?|an?|" + "|".join(SMALL) + r")\s(?P<unit>hours?|hrs?|minutes?|mins?)\b"
)
_DIGITS = re.compile(r"\W*(?P<hour>[01]?\d|2[0-4])\s?(?P<minute>[0-5]\d)\W*")
"""Nothing but digits: "1930", "7 30"."""
_GATE = re.compile(
    rf"\d|noon|midday|midnight|(?<![a-z])(?:{'|'.join(_HOURS)}|half|quarter|in\san?)\b",
)
_ABOUT = re.compile(r"-?ish\b")
_NO_NOUN_BEHIND = re.compile(
    r"(?:\s?-?ish\b)?(?=\W*(?:$|[.,;!?]\s|(?:or\s(?:so|maybe|\w+\W*$)|please|pls|plz|thanks|then|would|is|are|will|should|works?|sounds?|if|"
    r"on|for|today|tomorrow|at|but|maybe|and|too|ok|okay|good|fine|great|instead|i|we|it)\b))"
)
_NO_NOUN_BEFORE = re.compile(
    r"(?:^|\b(?:between|say|maybe|perhaps|probably|possibly|prefer|like|want|need|it|that's|thats|is|be|(?<!\d\s)to|and|or|then|sorry|"
    r"wait|actually|rather|please|do|doing|take|later|earlier|well|um|uh|hm+|ok|okay|yes|sure|think|guess|mean|meant|"
    r"said|also|works|just|no|not|the)\b|[.,;!?-])\W*$"
)
_MORNING = re.compile(r"\b(?:morning|breakfast|sunrise|dawn)\b")
_LATER = re.compile(r"\b(?:afternoon|evening|night|tonight|dinner|supper)\b")


class _Reading(msgspec.Struct, frozen=True):
    value: time | None
    """None where the words name a time that no clock shows."""
    start: int
    end: int
    score: float
    other: time | None = None
    """The time in the other half of the day, where nothing tells the half."""


class TimeReader:
    """Reads times of the day."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads an ISO time, or words that name one time; a lone hour will do."""
        if isinstance(words, time):
            return words.replace(tzinfo=None)
        if not isinstance(words, str):
            return _REFUSAL
        readings = list(_readings(folded(words), reference.now, definition))
        impossible = next((reading for reading in readings if reading.value is None), None)
        if impossible is not None:
            return Refusal("There is no such time: please give one from 0:00 to 23:59.", words.strip())
        best = max((reading.score for reading in readings), default=0.0)
        times = {reading.value for reading in readings if reading.value and reading.score == best}
        if len(times) > 1:
            return Refusal("Please give one time alone.", words.strip())
        return times.pop() if times else _REFUSAL

    def find(self, message: str, definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the times that a clock shows."""
        return [
            Candidate(
                value=reading.value,
                raw=message[reading.start : reading.end],
                start=reading.start,
                score=reading.score,
                others=(reading.other,) if reading.other and definition.validators else (),
            )
            for reading in _readings(folded(message), reference.now, definition)
            if reading.value is not None
        ]


def _readings(text: str, now: datetime, definition: SlotDefinition) -> Iterator[_Reading]:
    """Finds the times of a folded text, in order, none overlapping another."""
    if not _GATE.search(text):
        return
    if digits := _DIGITS.fullmatch(text):
        yield _read_digits(digits, definition)
        return
    found = [_from_now(match, now) for match in _AHEAD.finditer(text)]
    found += [_Reading(_NAMED[match["name"]], *match.span(), 1.0) for match in _NAMES.finditer(text)]
    for sign, form in _FORMS:
        for match in form.finditer(text) if sign.search(text) else ():
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                reading = _reading(text, match, definition)
                if reading is not None:
                    found.append(reading)
    yield from _put_right(text, sorted(found, key=lambda reading: reading.start))


def _put_right(text: str, readings: Sequence[_Reading]) -> Iterator[_Reading]:
    """Knows a bare hour for a time where it replaces one: "6 pm, no wait, 7"."""
    before: _Reading | None = None
    for found in readings:
        reading = found
        if before and found.score < before.score and is_replaced(text, before.end, found.start):
            reading = replace(found, score=before.score)
        before = reading
        yield reading


def _from_now(match: re.Match[str], now: datetime) -> _Reading:
    count, unit = match["count"], 60 if match["unit"].startswith("h") else 1
    number = 0.5 if count.startswith("half") else _worth(count) or 1
    moment = now + timedelta(minutes=number * unit)
    return _Reading(moment.time().replace(second=0, microsecond=0), *match.span(), 1.0)


def _read_digits(match: re.Match[str], definition: SlotDefinition) -> _Reading:
    hour, told = _hour_of_day(match["hour"], "", _usual_part(definition.label, definition.description))
    value = None if hour is None else _clock(hour, int(match["minute"]))
    return _Reading(value, match.start("hour"), match.end("minute"), _LONE, None if told else _other_half(value))


def _other_half(value: time | None) -> time | None:
    return value and value.replace(hour=(value.hour + 12) % 24)


def _reading(text: str, match: re.Match[str], definition: SlotDefinition) -> _Reading | None:
    """Reads what a form has found; None where it is any other number."""
    parts = match.groupdict(default="")
    before = _BEFORE.search(text, max(0, match.start() - 20), match.start())
    part = parts["part"] or (before["part"] if before else None) or ""
    plain = parts.get("minute") and parts.get("sep") not in {".", " "}
    sure = bool(parts["clock"] or parts["half"] or part or plain or parts.get("told"))
    lone = not sure and before is None and not _ABOUT.match(text, match.end())
    if lone and not _stands_alone(text, match):
        return None
    part = part or _part_of_day(text) or _usual_part(definition.label, definition.description)
    hour, told = _hour_of_day(parts["hour"], parts["half"], part)
    minute, second = _worth(parts.get("minute", "")), _worth(parts.get("second", ""))
    if hour is not None and parts.get("side") in {"to", "till", "of", "before"}:
        hour, minute = (hour - 1) % 24, 60 - minute
    value = None if hour is None else _clock(hour, minute, second)
    score = min(1.0 if sure else _LONE if lone else _BARE, 1.0 if told else _CONVENTIONAL)
    start = before.start() if before and before["part"] else match.start()
    return _Reading(value, start, match.end(), score, None if told else _other_half(value))


def _clock(hour: int, minute: int, second: int = 0) -> time | None:
    """Makes a time; None where no clock shows it."""
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether a number that has no sign of a time counts nothing either: "8", "maybe 8 or so"."""
    return (
        _NO_NOUN_BEHIND.match(text, match.end()) is not None
        and _NO_NOUN_BEFORE.search(text, 0, match.start()) is not None
    )


def _hour_of_day(words: str, half: str, part: str) -> tuple[int | None, bool]:
    """Returns the hour from 0 to 24, and whether the words told the half of the day; None: there is no such hour."""
    hour = _worth(words)
    if half == "a":
        return (hour % 12 if 0 < hour < 13 else None), True
    if not 0 < hour < 13 or (words.startswith("0") and not half):
        return (None if half and hour == 0 else hour), True
    if part == "morning" or (part in {"night", "tonight"} and hour in _SMALL_HOURS and not half):
        return hour % 12, True
    if half or part:
        return hour % 12 + 12, True
    return (hour if 7 < hour < 12 else hour % 12 + 12), False


def _part_of_day(text: str) -> str:
    """Returns the part of the day that a text is about."""
    if _MORNING.search(text):
        return "morning"
    return "evening" if _LATER.search(text) else ""


@lru_cache(maxsize=1024)
def _usual_part(label: str, description: str) -> str:
    """Returns the part of the day that a slot's times are of, by the words of its definition."""
    return _part_of_day(folded(f"{label} {description}"))


def _worth(words: str) -> int:
    if words.isdigit():
        return int(words)
    return sum(_WORD_VALUES[word] for word in re.split(r"[\s-]", words) if word)
