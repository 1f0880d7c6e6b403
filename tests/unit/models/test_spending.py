"""Spending: what sessions and tenants may use, in tokens and in money."""

from datetime import timedelta

import pytest

from parley_server.core.context import Usage
from parley_server.errors import ModelAllowanceSpent
from parley_server.models.spending import Allowance, Spending

NOTHING = Usage()


def spending(*, now: float = 600.0, **allowance: float) -> Spending:
    return Spending(Allowance(**allowance), lambda: now)  # type: ignore[arg-type]  # names are its own


def test_without_limits_nothing_is_ever_used_up() -> None:
    counted = spending()
    counted.add("t", Usage(10**9, 10**9))

    counted.check("t", Usage(10**9, 10**9))


@pytest.mark.parametrize(
    ("allowance", "used"),
    [
        ({"session_tokens": 100}, Usage(60, 40)),
        ({"session_cost": 0.5, "input_price": 1.0, "output_price": 4.0}, Usage(100_000, 100_000)),
    ],
)
def test_a_session_may_use_so_much(allowance: dict[str, float], used: Usage) -> None:
    counted = spending(**allowance)
    counted.check("t", Usage(used.input_tokens - 1, used.output_tokens))

    with pytest.raises(ModelAllowanceSpent) as caught:
        counted.check("t", used)
    assert caught.value.retry_after is None


@pytest.mark.parametrize("allowance", [{"tenant_tokens": 100}, {"tenant_cost": 0.0001, "output_price": 2.0}])
def test_a_tenant_may_use_so_much_in_an_hour_and_others_are_not_held_to_it(allowance: dict[str, float]) -> None:
    counted = spending(**allowance)
    counted.add("t", Usage(50, 49))
    counted.check("t", NOTHING)
    counted.add("t", Usage(0, 1))

    with pytest.raises(ModelAllowanceSpent) as caught:
        counted.check("t", NOTHING)
    assert caught.value.retry_after == timedelta(seconds=3000)
    counted.check("u", NOTHING)


def test_a_new_hour_begins_anew() -> None:
    now = [3599.0]
    counted = Spending(Allowance(tenant_tokens=1), lambda: now[0])
    counted.add("t", Usage(1, 0))
    now[0] += 1

    counted.check("t", NOTHING)
