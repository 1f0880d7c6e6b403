"""Spending: how much of a model a session and a tenant may use.

What a session used is kept with it; what a tenant used is counted in this process, hour by hour.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from parley_server.core.context import Usage
from parley_server.errors import ModelAllowanceSpent

_HOUR = timedelta(hours=1).total_seconds()
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much may be used; 0: any amount. Prices and costs are in a currency of the operator's own."""

    session_tokens: int = 0
    tenant_tokens: int = 0
    """In an hour, as are a tenant's costs."""
    session_cost: float = 0.0
    tenant_cost: float = 0.0
    input_price: float = 0.0
    """Of a million tokens that are sent."""
    output_price: float = 0.0
    """Of a million tokens that are written."""

    def cost(self, usage: Usage) -> float:
        """What a use costs."""
        return (usage.input_tokens * self.input_price + usage.output_tokens * self.output_price) / _MILLION

    def spent(self, usage: Usage, *, tokens: int, cost: float) -> bool:
        """Whether a use has reached one of these limits."""
        used = usage.input_tokens + usage.output_tokens
        return bool((tokens and used >= tokens) or (cost and self.cost(usage) >= cost))


class Spending:
    """What has been used, compared with what may be."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float]) -> None:
        """Takes a monotonic clock in seconds."""
        self._allowance = allowance
        self._clock = clock
        self._hour = 0
        self._tenants: defaultdict[str, Usage] = defaultdict(Usage)

    def check(self, tenant: str, session: Usage) -> None:
        """Lets a call through, if nothing is used up yet.

        Raises:
            ModelAllowanceSpent: It is.
        """
        allowance = self._allowance
        if allowance.spent(session, tokens=allowance.session_tokens, cost=allowance.session_cost):
            raise ModelAllowanceSpent(retry_after=None)
        self._turn_the_hour()
        if allowance.spent(self._tenants[tenant], tokens=allowance.tenant_tokens, cost=allowance.tenant_cost):
            raise ModelAllowanceSpent(retry_after=timedelta(seconds=_HOUR - self._clock() % _HOUR))

    def add(self, tenant: str, usage: Usage) -> None:
        """Counts a use."""
        self._turn_the_hour()
        self._tenants[tenant] += usage

    def _turn_the_hour(self) -> None:
        hour = int(self._clock() // _HOUR)
        if hour != self._hour:
            self._hour = hour
            self._tenants.clear()
