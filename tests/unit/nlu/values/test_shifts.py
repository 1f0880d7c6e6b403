from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_server.nlu.values.shifts import changes_in, shifts_in

DAY, AT = date(2026, 3, 9), time(15)


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("a week later", DAY, date(2026, 3, 16)),
        ("two days earlier please", DAY, date(2026, 3, 7)),
        ("the day before", DAY, date(2026, 3, 8)),
        ("the next day", DAY, date(2026, 3, 10)),
        ("push it back by a week", DAY, date(2026, 3, 16)),
        ("bring it forward a day", DAY, date(2026, 3, 8)),
        ("an hour later", AT, time(16)),
        ("half an hour earlier", AT, time(14, 30)),
        ("move it up 15 minutes", AT, time(14, 45)),
        ("ten hours later", AT, None),
        ("an hour later", DAY, None),
        ("a week later", AT, None),
        ("the day after tomorrow", DAY, None),
        ("later", DAY, None),
    ],
)
def test_a_known_day_or_time_is_moved(text: str, known: date | time, expected: date | time | None) -> None:
    assert [shift.value for shift in shifts_in(text, known)] == [expected] * (expected is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one more person", [5]),
        ("2 more", [6]),
        ("one kid less", [3]),
        ("3 fewer", [1]),
        ("5 fewer", []),
        ("4 or more", []),
        ("one more question", []),
    ],
)
def test_a_known_count_is_changed(text: str, expected: list[int]) -> None:
    assert [shift.value for shift in changes_in(text, 4)] == expected


@given(count=st.integers(1, 500), unit=st.sampled_from(["day", "week", "month", "year"]), known=st.dates())
def test_a_move_stays_within_the_calendar(count: int, unit: str, known: date) -> None:
    later = [shift.value for shift in shifts_in(f"{count} {unit}s later", known)]

    assert all(isinstance(day, date) and day > known for day in later)
