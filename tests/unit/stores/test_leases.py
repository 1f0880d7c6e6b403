from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from parley_server.stores.leases import LeaseTable
from parley_server.testing.clock import ManualClock

LEASE = timedelta(seconds=15)
KEY = b"key"

Join = Callable[[], LeaseTable]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def join(tmp_path: Path) -> Iterator[Join]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            closing(LeaseTable(tmp_path / "leases", lease=LEASE, timeout=timedelta(seconds=1)))
        )


def take(table: LeaseTable, clock: ManualClock) -> bool:
    with table.transaction():
        return table.take(KEY, clock())


def test_one_of_two_holds_a_lease(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()

    assert take(first, clock)
    assert not take(second, clock)
    assert (first.holds(KEY, clock()), second.holds(KEY, clock())) == (True, False)


def test_a_lease_that_was_given_up_is_free(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()
    take(first, clock)

    first.drop(KEY)

    assert take(second, clock)


def test_a_lease_that_is_not_ours_can_not_be_given_up(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()
    take(first, clock)

    second.drop(KEY)

    assert first.holds(KEY, clock())


def test_a_lease_runs_out_unless_it_is_renewed(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()
    take(first, clock)
    for _ in range(3):
        clock.advance(LEASE * 2 / 3)
        first.renew(clock())
    assert not take(second, clock)

    clock.advance(LEASE)

    assert not first.holds(KEY, clock())
    assert take(second, clock)


def test_a_lease_that_ran_out_is_not_renewed(join: Join, clock: ManualClock) -> None:
    table = join()
    take(table, clock)
    clock.advance(LEASE)

    table.renew(clock())

    assert not table.holds(KEY, clock())


def test_a_lease_that_was_forgotten_runs_out(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()
    take(first, clock)
    first.forget(KEY)
    clock.advance(LEASE / 2)
    first.renew(clock())
    clock.advance(LEASE / 2)

    assert take(second, clock)


def test_a_clock_that_was_set_back_does_not_keep_a_lease(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()
    take(first, clock)

    clock.advance(-timedelta(days=1))

    assert take(second, clock)


def test_a_clock_that_was_set_back_a_little_does_not_take_a_lease_away(join: Join, clock: ManualClock) -> None:
    first, second = join(), join()
    take(first, clock)

    clock.advance(-LEASE / 2)

    assert first.holds(KEY, clock())
    assert not take(second, clock)


def test_whoever_left_holds_nothing(tmp_path: Path, join: Join, clock: ManualClock) -> None:
    with closing(LeaseTable(tmp_path / "leases", lease=LEASE, timeout=timedelta(seconds=1))) as gone:
        stays = join()
        take(gone, clock)

    assert take(stays, clock)


def test_damaged_leases_are_made_anew_by_who_is_alone(tmp_path: Path, join: Join, clock: ManualClock) -> None:
    directory = tmp_path / "leases"
    directory.mkdir()
    (directory / "leases.db").write_bytes(b"damaged by a loss of power")
    (directory / "0123456789abcdef.life").touch()

    assert take(join(), clock)
    assert len(list(directory.glob("*.life"))) == 1
