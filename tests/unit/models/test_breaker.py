"""The breaker: opens after failures in a row, probes, closes."""

from datetime import timedelta

import pytest

from parley_server.models.breaker import Breaker

PAUSE = timedelta(seconds=5)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, pause=PAUSE, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        probing = breaker.begin()
        breaker.fail()
        breaker.end(probing=probing)


def succeed(breaker: Breaker) -> None:
    probing = breaker.begin()
    breaker.succeed()
    breaker.end(probing=probing)


def test_it_opens_after_failures_in_a_row_alone(breaker: Breaker) -> None:
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert breaker.blocked() is None

    fail(breaker, 1)

    assert breaker.blocked() == PAUSE


def test_after_its_pause_it_lets_one_call_through_at_a_time(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5
    assert breaker.blocked() is None

    breaker.begin()

    assert breaker.blocked() == PAUSE


def test_a_probe_that_succeeds_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5
    succeed(breaker)

    fail(breaker, 2)

    assert breaker.blocked() is None


def test_a_probe_that_fails_keeps_it_open_for_another_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5
    fail(breaker, 1)
    clock.now += 4

    assert breaker.blocked() == timedelta(seconds=1)


def test_a_probe_that_is_given_up_lets_the_next_one_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 5
    breaker.end(probing=breaker.begin())

    assert breaker.blocked() is None


@pytest.mark.parametrize("fails", [False, True])
def test_an_older_call_that_ends_lets_no_second_probe_through(breaker: Breaker, clock: Clock, fails: bool) -> None:
    older = breaker.begin()
    fail(breaker, 3)
    clock.now += 5
    probe = breaker.begin()
    if fails:
        breaker.fail()
    breaker.end(probing=older)
    clock.now += 5
    assert breaker.blocked() == PAUSE

    breaker.end(probing=probe)

    assert breaker.blocked() is None


@pytest.mark.parametrize(("asked", "pause"), [(timedelta(seconds=1), 5), (timedelta(seconds=60), 60)])
def test_a_server_that_asks_to_be_left_alone_is_at_once(breaker: Breaker, asked: timedelta, pause: float) -> None:
    breaker.begin()
    breaker.fail(asked)

    assert breaker.blocked() == timedelta(seconds=pause)
