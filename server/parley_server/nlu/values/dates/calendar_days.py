"""Days of the Gregorian calendar: weeks, month arithmetic, and holidays that people name instead of a date.

This module must not know any text.
"""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

MONDAY, THURSDAY, SUNDAY = 0, 3, 6


def day_or_none(year: int, month: int, day: int) -> date | None:
    """Makes a date; None where the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def shifted(day: date, *, years: int = 0, months: int = 0, days: int = 0) -> date | None:
    """Moves a date; the 31st becomes the last of a shorter month. None beyond the years 1 to 9999."""
    months += day.month - 1 + 12 * (day.year + years)
    try:
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(day.day, monthrange(year, month)[1])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def in_week(day: date, weekday: int, weeks: int = 0) -> date:
    """Returns the weekday (Monday is 0) of the Monday-to-Sunday week that is `weeks` after the one of `day`."""
    return day + timedelta(days=weekday - day.weekday() + 7 * weeks)


def weekday_after(day: date, weekday: int) -> date:
    """Returns the first such weekday after `day`."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)


def weekday_before(day: date, weekday: int) -> date:
    """Returns the last such weekday before `day`."""
    return day - timedelta(days=(day.weekday() - weekday - 1) % 7 + 1)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date | None:
    """Returns the nth such weekday of a month; from its end if `nth` is negative. None if it has not that many."""
    if nth < 0:
        return weekday_before(date(year, month, monthrange(year, month)[1]) + timedelta(days=1), weekday)
    return day_or_none(year, month, 1 + (weekday - date(year, month, 1).weekday()) % 7 + 7 * (nth - 1))


def month_day_from(today: date, day: int, *, weekday: int | None = None) -> date | None:
    """Returns the first such day of a month on or after `today`, of the first month that has it on the weekday."""
    for month in range(today.month - 1, today.month + 12 * 12):
        found = day_or_none(today.year + month // 12, month % 12 + 1, day)
        if found is not None and found >= today and weekday in {None, found.weekday()}:
            return found
    return None


def month_day_before(today: date, day: int) -> date | None:
    """Returns the last such day of a month before `today`."""
    for month in range(today.month - 1, today.month - 4, -1):
        found = day_or_none(today.year + month // 12, month % 12 + 1, day)
        if found is not None and found < today:
            return found
    return None


def first_from(today: date, of_year: Callable[[int], date | None], *, years: int = 8) -> date | None:
    """Returns the first day on or after `today` among those that `of_year` gives for each year."""
    days = (of_year(year) for year in range(today.year, min(today.year + years, 9999) + 1))
    return next((day for day in days if day is not None and day >= today), None)


def last_before(today: date, of_year: Callable[[int], date | None], *, years: int = 8) -> date | None:
    """Returns the last day before `today` among those that `of_year` gives for each year."""
    days = (of_year(year) for year in range(today.year, max(today.year - years, 1) - 1, -1))
    return next((day for day in days if day is not None and day < today), None)


def easter(year: int) -> date:
    """Returns Easter Sunday of a year, by the anonymous Gregorian computus."""
    golden, century, in_century = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - epact - in_century % 4) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)
