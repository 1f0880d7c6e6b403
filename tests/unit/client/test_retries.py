from datetime import timedelta

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted_service import broken, raised

from parley import RetryPolicy, Unavailable
from parley.exchanges import SessionExchange
from parley.retries import Attempts


@given(
    failed=st.integers(1, 10_000),
    drawn=st.floats(0, 1),
    first=st.timedeltas(timedelta(0), timedelta(seconds=10)),
    longest=st.timedeltas(timedelta(0), timedelta(minutes=1)),
    retry_after=st.none() | st.timedeltas(timedelta(0), timedelta(minutes=1)),
)
def test_a_wait_is_within_its_bounds(
    failed: int, drawn: float, first: timedelta, longest: timedelta, retry_after: timedelta | None
) -> None:
    policy = RetryPolicy(first_delay=first, longest_delay=longest, jitter=lambda: drawn)

    delay = policy.delay(failed, retry_after)

    asked = retry_after or timedelta(0)
    assert asked <= delay <= asked + longest


@pytest.mark.parametrize(("failed", "seconds"), [(1, 0.2), (2, 0.4), (5, 3.2), (6, 5), (7, 5)])
def test_the_longest_wait_doubles_up_to_its_bound(failed: int, seconds: float) -> None:
    assert RetryPolicy(jitter=lambda: 1.0).delay(failed, None) == timedelta(seconds=seconds)


def test_a_wait_is_drawn_from_the_whole_range() -> None:
    assert RetryPolicy(jitter=lambda: 0.0).delay(5, None) == timedelta(0)


def test_all_attempts_share_one_deadline() -> None:
    now = 100.0
    policy = RetryPolicy(first_delay=timedelta(seconds=1), jitter=lambda: 1.0)
    attempts = Attempts(SessionExchange("s-1"), policy, timedelta(seconds=10), clock=lambda: now)
    failure = raised(broken(grpc.StatusCode.UNAVAILABLE))

    assert attempts.time_left() == 10
    now = 107.5
    assert (attempts.pause_after(failure), attempts.time_left()) == (1, 2.5)
    now = 108.5
    with pytest.raises(Unavailable):
        attempts.pause_after(failure)
