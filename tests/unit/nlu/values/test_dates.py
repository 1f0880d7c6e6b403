from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import NOW, found, parsed, refusal, slot

from parley_server.core.slots import SlotType
from parley_server.nlu.values import READERS, Reference
from parley_server.nlu.values.dates.calendar_days import easter
from parley_server.nlu.values.dates.grammar import dates_in
from parley_server.nlu.values.dates.meanings import When

DATE = slot(SlotType.DATE)
STYLES = ["%Y-%m-%d", "%B %d, %Y", "%d %b %Y", "%m/%d/%Y", "%A, %B %d %Y", "the %d of %B %Y"]
DATES = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31))

READINGS = {
    "numbers": {
        "2026-03-08": "2026-03-08",
        "2026/3/8": "2026-03-08",
        "20260308": "2026-03-08",
        "3/8/2026": "2026-03-08",
        "3/8/27": "2027-03-08",
        "13/8/2026": "2026-08-13",
        "8.3.2026": "2026-08-03",
        "3/8": "2026-03-08",
        "3/1": "2027-03-01",
        "due on 5.12": "2026-05-12",
        "05 07 2026": "2026-05-07",
    },
    "offsets": {
        "a week on Friday": "2026-03-13",
        "last night": "2026-03-03",
    },
    "months": {
        "March 8th": "2026-03-08",
        "on the 8th of march": "2026-03-08",
        "March 3": "2027-03-03",
        "March 4": "2026-03-04",
        "4th July 2027": "2027-07-04",
        "Fri, Aug. 14, 2026": "2026-08-14",
        "14-Aug-26": "2026-08-14",
        "2026/Aug/14": "2026-08-14",
        "23-2026-September": "2026-09-23",
        "May twenty nine": "2026-05-29",
        "dec 2027 12": "2027-12-12",
    },
    "speech": {
        "march third twenty nineteen": "2019-03-03",
        "the twenty first of december nineteen forty five": "1945-12-21",
        "the third of march two thousand and nineteen": "2019-03-03",
        "first july nineteen oh two": "1902-07-01",
        "the third of the fifth nineteen ninety": "1990-05-03",
        "october four nineteen ninety nine": "1999-10-04",
    },
    "days of the week": {
        "Friday": "2026-03-06",
        "Wednesday": "2026-03-11",
        "this Wednesday": "2026-03-04",
        "next Friday": "2026-03-13",
        "last Friday": "2026-02-27",
        "this past Monday": "2026-03-02",
        "coming Monday": "2026-03-09",
        "Saturday next week": "2026-03-14",
        "last week's sunday": "2026-03-01",
        "Friday week": "2026-03-13",
        "the Friday after next": "2026-03-20",
        "Friday the 13th": "2026-03-13",
        "three fridays from now": "2026-03-20",
        "the first Monday of April": "2026-04-06",
        "last Monday of this month": "2026-03-30",
        "on fri.": "2026-03-06",
    },
    "days of the month": {
        "the 5th": "2026-03-05",
        "on the 3rd": "2026-04-03",
        "the 31st": "2026-03-31",
        "on 15 at 8:00": "2026-03-15",
        "the 5th of next month": "2026-04-05",
        "on the first of the month": "2026-04-01",
        "the last day of the month": "2026-03-31",
    },
    "distances": {
        "today": "2026-03-04",
        "tonight at 8": "2026-03-04",
        "tomorow morning": "2026-03-05",
        "the day after tomorrow": "2026-03-06",
        "the day before yesterday": "2026-03-02",
        "in two weeks": "2026-03-18",
        "in a couple of days": "2026-03-06",
        "3 days ago": "2026-03-01",
        "a month and two days ago": "2026-02-02",
        "in 15 hours": "2026-03-05",
        "2 weeks after Friday": "2026-03-20",
        "two days before christmas": "2026-12-23",
        "2026-12-29 - 10 days": "2026-12-19",
    },
    "holidays": {
        "christmas eve": "2026-12-24",
        "last Thanksgiving": "2025-11-27",
        "Easter 2027": "2027-03-28",
        "MLK day": "2027-01-18",
    },
}
"""A date in words, and the day that it is, by the kind of words."""


@pytest.mark.parametrize(
    ("words", "expected"),
    [pytest.param(words, day, id=f"{kind}: {words}") for kind, days in READINGS.items() for words, day in days.items()],
)
def test_a_date_is_read_against_the_day_of_the_turn(words: str, expected: str) -> None:
    assert parsed(words, DATE) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    "message",
    [
        "is the pool on the third floor",
        "I'll leave this summer",
        "have a great week",
        "for a few minutes",
        "a table for 4 at 7:30 pm",
        "call 415-555-0123",
        "may I come in",
        "I sat down in the sun",
        "December 2026",
        "1/2 cup, 24/7",
        "version 2.3.4",
        "we open on mondays",
        "a room for 3 nights",
    ],
)
def test_what_is_no_day_is_not_found(message: str) -> None:
    assert found(message, DATE) == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("from March 10 - 12 please", ["2026-03-10", "2026-03-12"]),
        ("March 30th to the 2nd", ["2026-03-30", "2026-04-02"]),
        ("between the 10th and the 12th of May", ["2026-05-10", "2026-05-12"]),
        ("check in on Friday, check out on 3/9", ["2026-03-06", "2026-03-09"]),
        ("March 10 to 5pm", ["2026-03-10"]),
    ],
)
def test_every_date_of_a_message_is_found_in_order(message: str, expected: list[str]) -> None:
    assert found(message, DATE) == [date.fromisoformat(day) for day in expected]


@pytest.mark.parametrize("words", ["February 30", "31/11/2026", "2026-02-30", "the 31st of June"])
def test_a_day_that_no_calendar_has_is_refused_by_name(words: str) -> None:
    refused = refusal(words, DATE)

    assert found(words, DATE) == []
    assert refused.raw
    assert refused.raw in words
    assert "no such day" in refused.reason


@pytest.mark.parametrize("words", ["soon", "an hour later", "", 20260308, None, True, ["2026-03-08"], NOW])
def test_what_is_no_date_is_refused_with_an_example(words: object) -> None:
    assert "such as" in refusal(words, DATE).reason


def test_two_dates_are_no_one_date() -> None:
    assert refusal("Friday or Saturday", DATE).raw == "Friday or Saturday"


def test_the_29th_of_february_waits_for_a_leap_year() -> None:
    assert parsed("February 29", DATE) == date(2028, 2, 29)


def test_a_year_of_two_digits_is_past_in_a_date_of_birth() -> None:
    assert parsed("6/7/30", slot(SlotType.DATE, "date_of_birth")) == date(1930, 6, 7)
    assert parsed("6/7/30", DATE) == date(2030, 6, 7)


@pytest.mark.parametrize(("locale", "expected"), [("en-US", date(2026, 3, 8)), ("en-GB", date(2026, 8, 3))])
def test_the_locale_orders_day_and_month(locale: str, expected: date) -> None:
    assert parsed("3/8/2026", DATE, locale=locale) == expected


@pytest.mark.parametrize(
    ("locale", "message", "expected"),
    [
        ("de-DE", "ich komme am 10. März 2027 an", date(2027, 3, 10)),
        ("de-DE", "in zwei Wochen", date(2026, 3, 18)),
        ("de", "morgen bitte", date(2026, 3, 5)),
        ("es-MX", "quiero una mesa para el 3 de mayo", date(2026, 5, 3)),
        ("fr-FR", "vendredi prochain", date(2026, 3, 6)),
        ("de-DE", "03.08.2026", date(2026, 8, 3)),
    ],
)
def test_the_language_of_the_locale_is_read_too(locale: str, message: str, expected: date) -> None:
    assert found(message, DATE, locale=locale) == [expected]


@pytest.mark.parametrize("locale", ["de-DE", "xx-XX", "../etc", ""])
def test_other_words_in_any_locale_hold_no_date(locale: str) -> None:
    assert found("ich möchte zwei Karten", DATE, locale=locale) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("valentine's day", "2027-02-14"),
        ("st. patrick's day", "2026-03-17"),
        ("april fools", "2026-04-01"),
        ("good friday", "2026-04-03"),
        ("easter monday", "2026-04-06"),
        ("may day", "2026-05-01"),
        ("mothers day", "2026-05-10"),
        ("memorial day", "2026-05-25"),
        ("father's day", "2026-06-21"),
        ("independence day", "2026-07-04"),
        ("labor day", "2026-09-07"),
        ("columbus day", "2026-10-12"),
        ("halloween", "2026-10-31"),
        ("veterans day", "2026-11-11"),
        ("thanksgiving", "2026-11-26"),
        ("black friday", "2026-11-27"),
        ("xmas", "2026-12-25"),
        ("boxing day", "2026-12-26"),
        ("new year's eve", "2026-12-31"),
        ("new years day", "2027-01-01"),
        ("presidents' day", "2027-02-15"),
    ],
)
def test_a_holiday_is_the_next_day_of_its_name(name: str, expected: str) -> None:
    assert found(f"see you on {name}!", DATE) == [date.fromisoformat(expected)]


@given(day=DATES, style=st.sampled_from(STYLES))
def test_a_date_that_is_written_out_is_read_back(day: date, style: str) -> None:
    assert parsed(day.strftime(style), DATE) == day


@given(message=st.text(alphabet=st.sampled_from(" 0123456789/-.,:thndrsmayfiowekgc"), max_size=40))
def test_readings_lie_in_the_text_and_do_not_overlap(message: str) -> None:
    readings = dates_in(message, When(now=NOW))

    ends = [0, *(reading.end for reading in readings)]
    assert all(end <= reading.start < reading.end for end, reading in zip(ends, readings, strict=False))


@given(year=st.integers(min_value=1583, max_value=9999))
def test_easter_is_a_sunday_of_spring(year: int) -> None:
    assert easter(year).weekday() == 6
    assert date(year, 3, 22) <= easter(year) <= date(year, 4, 25)


def test_a_distance_beyond_the_calendar_is_refused() -> None:
    assert refusal("in 9000 years", DATE).raw == "in 9000 years"


@given(weeks=st.integers(min_value=1, max_value=9999))
def test_a_distance_in_weeks_is_counted_from_today(weeks: int) -> None:
    assert parsed(f"in {weeks} weeks", DATE) == NOW.date() + timedelta(weeks=weeks)


RULED = slot(SlotType.DATE, validators=(lambda _value, _known: None,))


@pytest.mark.parametrize(
    ("message", "expected", "others"),
    [
        ("Monday", "2026-03-09", ("2026-03-02",)),
        ("the 5th", "2026-03-05", ("2026-02-05",)),
        ("March 1st", "2027-03-01", ("2026-03-01",)),
        ("12/24", "2026-12-24", ("2025-12-24",)),
        ("Christmas", "2026-12-25", ("2025-12-25",)),
        ("next Monday", "2026-03-09", ()),
        ("March 1st, 2027", "2027-03-01", ()),
        ("a week after Monday", "2026-03-16", ()),
        ("tomorrow", "2026-03-05", ()),
    ],
)
def test_the_last_such_day_is_left_to_the_slots_rules(message: str, expected: str, others: tuple[str, ...]) -> None:
    (candidate,) = READERS[SlotType.DATE].find(message, RULED, Reference(now=NOW))

    assert candidate.value == date.fromisoformat(expected)
    assert candidate.others == tuple(map(date.fromisoformat, others))
    (unruled,) = READERS[SlotType.DATE].find(message, DATE, Reference(now=NOW))
    assert unruled.others == ()


def test_since_means_a_day_of_the_past_and_so_does_its_name() -> None:
    since = slot(SlotType.DATE, "since")

    assert parsed("since Monday", DATE) == date(2026, 3, 2)
    assert parsed("Monday", since) == date(2026, 3, 2)
    assert parsed("for about two weeks", since) == date(2026, 2, 18)
    assert parsed("three days", since) == date(2026, 3, 1)
    assert found("for three days", DATE) == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("wensday", [date(2026, 3, 11)]),
        ("toomorow at 8", [date(2026, 3, 5)]),
        ("Thrusday next week or the 3rd of febuary", [date(2026, 3, 12), date(2027, 2, 3)]),
        ("on sundy, I mean mondy", [date(2026, 3, 8), date(2026, 3, 9)]),
        ("a sundae on sunny mondays", []),
    ],
)
def test_a_mistyped_day_or_month_is_read(message: str, expected: list[date]) -> None:
    assert found(message, DATE) == expected


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("this weekend", "this weekend"),
        ("maybe sometime next week?", "next week"),
        ("at the end of the month please", "end of the month"),
        ("in mid March", "mid march"),
        ("since last week", "last week"),
    ],
)
def test_a_time_of_many_days_is_asked_to_be_one(words: str, named: str) -> None:
    refused = refusal(words, DATE)

    assert "more than one day" in refused.reason
    assert refused.raw == named
