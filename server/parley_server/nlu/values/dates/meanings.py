"""What the phrases of dates mean: from the parts that a pattern of `grammar` has found to a day of the calendar.

A date that leaves its year, month or week open is the first such day on or after today, or else the last one before
today: a message about the past says no more. "Next Friday" is the Friday of
the next Monday-to-Sunday week. Numeric dates are read in the locale's order unless only the other one is possible.

Each function takes a match whose groups are named after what they hold, and returns None where no calendar has the day.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from parley_server.nlu.values.dates.calendar_days import (
    day_or_none,
    first_from,
    in_week,
    last_before,
    month_day_before,
    month_day_from,
    nth_weekday,
    shifted,
    weekday_after,
    weekday_before,
)
from parley_server.nlu.values.dates.vocabulary import (
    CLOCK_UNITS,
    COUNT,
    HOLIDAYS,
    RELATIVE_DAYS,
    UNITS,
    month_of,
    number_of,
    weekday_of,
    year_of,
)

_HOLIDAYS = [(re.compile(pattern), of_year) for pattern, of_year in HOLIDAYS.items()]
_RELATIVES: Mapping[str, int] = {
    "this": 0,
    "the": 0,
    "next": 1,
    "following": 1,
    "coming": 1,
    "last": -1,
    "previous": -1,
}
_DAYS_OF: Mapping[str, int] = {"day": 1, "week": 7, "fortnight": 14}
_UNIT = "|".join((*UNITS, *CLOCK_UNITS))
_PART = re.compile(rf"(?P<count>{COUNT}|half\san?)\s?(?P<unit>{_UNIT})")


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a date is counted from."""

    now: datetime
    day_first: bool = False
    """Whether 3/8 is the third of August."""
    past: bool = False
    """Whether the date is one of the past, as a date of birth is: decides the century of a year of two digits."""
    back: bool = False
    """Whether a date that leaves its year, month or week open is the last such day before today."""

    @property
    def today(self) -> date:
        """The day of `now`."""
        return self.now.date()

    def of_years(self, of_year: Callable[[int], date | None]) -> date | None:
        """Returns the day that is meant among those that `of_year` gives for each year."""
        return (last_before if self.back else first_from)(self.today, of_year)


def _of_numbers(year: int, first: int, second: int, *, day_first: bool) -> date | None:
    month, day = (second, first) if day_first else (first, second)
    return day_or_none(year, month, day) or day_or_none(year, day, month)


def numeric(match: re.Match[str], when: When) -> date | None:
    """Reads "3/8/2026", "2026-03-08"."""
    year = year_of(match["year"], when.today, past=when.past)
    year_first = match.start("year") < match.start("a")
    return _of_numbers(year, int(match["a"]), int(match["b"]), day_first=when.day_first and not year_first)


def numeric_open(match: re.Match[str], when: When) -> date | None:
    """Reads "3/8"."""
    first, second = int(match["a"]), int(match["b"])
    return when.of_years(lambda year: _of_numbers(year, first, second, day_first=when.day_first))


def named(match: re.Match[str], when: When) -> date | None:
    """Reads "March 3rd, 2026", "the third of March"."""
    month, day = month_of(match["month"]), number_of(match["day"])
    if match["year"]:
        return day_or_none(year_of(match["year"], when.today, past=when.past), month, day)
    return when.of_years(lambda year: day_or_none(year, month, day))


def numbered_month(match: re.Match[str], when: When) -> date | None:
    """Reads "the third of the fifth 1990"."""
    year = year_of(match["year"], when.today, past=when.past)
    return day_or_none(year, number_of(match["month"]), number_of(match["day"]))


def _of_month(match: re.Match[str], when: When) -> date | None:
    """The year and month that "of next month", "in March 2027" mean; the first of it."""
    if match["relative"]:
        return shifted(when.today.replace(day=1), months=_RELATIVES[match["relative"]])
    month = month_of(match["month"])
    if match["year"]:
        return day_or_none(year_of(match["year"], when.today), month, 1)
    return first_from(when.today.replace(day=1), lambda year: day_or_none(year, month, 1))


def weekday_of_month(match: re.Match[str], when: When) -> date | None:
    """Reads "the second Tuesday of January"."""
    first = _of_month(match, when)
    nth = -1 if match["nth"] == "last" else number_of(match["nth"])
    return first and nth_weekday(first.year, first.month, weekday_of(match["weekday"]), nth)


def day_of_month(match: re.Match[str], when: When) -> date | None:
    """Reads "the 5th of next month", "the last day of March"."""
    if match["relative"] == "the" and match["nth"] != "last":
        return month_day_from(when.today, number_of(match["nth"]))
    first = _of_month(match, when)
    if match["nth"] == "last":
        return first and shifted(first, months=1, days=-1)
    return first and day_or_none(first.year, first.month, number_of(match["nth"]))


def holiday(match: re.Match[str], when: When) -> date | None:
    """Reads "Christmas", "last Thanksgiving", "Easter 2027"."""
    of_year = next(of_year for pattern, of_year in _HOLIDAYS if pattern.fullmatch(match["holiday"]))
    if match["year"]:
        return of_year(year_of(match["year"], when.today))
    if match["relative"] == "last":
        return last_before(when.today, of_year)
    return when.of_years(of_year)


def weekday_of_week(match: re.Match[str], when: When) -> date:
    """Reads "Tuesday next week", "last week's Sunday"."""
    return in_week(when.today, weekday_of(match["weekday"]), _RELATIVES[match["relative"]])


def weekday_after_next(match: re.Match[str], when: When) -> date:
    """Reads "the Friday after next"."""
    return in_week(when.today, weekday_of(match["weekday"]), 2)


def weekday_week(match: re.Match[str], when: When) -> date:
    """Reads "Friday week"."""
    return weekday_after(when.today, weekday_of(match["weekday"])) + timedelta(weeks=1)


def weekday_with_day(match: re.Match[str], when: When) -> date | None:
    """Reads "Friday the 26th": the first 26th that is a Friday."""
    return month_day_from(when.today, number_of(match["day"]), weekday=weekday_of(match["weekday"]))


def counted_weekdays(match: re.Match[str], when: When) -> date:
    """Reads "three Fridays from now"."""
    weeks = timedelta(weeks=number_of(match["count"]) - 1)
    weekday = weekday_of(match["weekday"])
    if match["side"] == "ago":
        return weekday_before(when.today, weekday) - weeks
    return weekday_after(when.today, weekday) + weeks


def relative_weekday(match: re.Match[str], when: When) -> date:
    """Reads "next Friday", "this Friday", "last Friday"."""
    weekday, relative = weekday_of(match["weekday"]), match["relative"]
    if relative.endswith("past"):
        return weekday_before(when.today, weekday)
    if relative.endswith(("coming", "following")):
        return weekday_after(when.today, weekday)
    if relative == "this":
        return weekday_after(when.today - timedelta(days=1), weekday)
    return in_week(when.today, weekday, _RELATIVES[relative])


def weekday(match: re.Match[str], when: When) -> date:
    """Reads "Friday": the first one after today."""
    return (weekday_before if when.back else weekday_after)(when.today, weekday_of(match["weekday"]))


def relative_day(match: re.Match[str], when: When) -> date:
    """Reads "tomorrow"."""
    return when.today + timedelta(days=RELATIVE_DAYS[match["word"].replace("'", "")])


def today(_: re.Match[str], when: When) -> date:
    """Reads "this evening", "now"."""
    return when.today


def next_day(_: re.Match[str], when: When) -> date:
    """Reads "the following day"."""
    return when.today + timedelta(days=1)


def day_before(_: re.Match[str], when: When) -> date:
    """Reads "last night"."""
    return when.today - timedelta(days=1)


def day_number(match: re.Match[str], when: When) -> date | None:
    """Reads "the 5th"."""
    return (month_day_before if when.back else month_day_from)(when.today, number_of(match["day"]))


def moved(start: datetime, duration: str, sign: int) -> date | None:
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


def from_now(match: re.Match[str], when: When) -> date | None:
    """Reads "in two weeks", "3 days ago"."""
    return moved(when.now, match["duration"], -1 if match["side"] in {"ago", "back"} else 1)


def lasting(match: re.Match[str], when: When) -> date | None:
    """Reads "for two weeks" where a date of the past is meant, for then it says since when."""
    return moved(when.now, match["duration"], -1) if when.back else None
