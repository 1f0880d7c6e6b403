"""What every store is opened with.

This module must not know any one store.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from parley_server.errors import InvalidSettings
from parley_server.stores.protocol import Durability

Clock: TypeAlias = Callable[[], datetime]
"""Tells the time: aware, UTC."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How a store is to work, whichever it is."""

    clock: Clock = utc_now
    """What sessions expire by, in the stores that have no clock of their own."""
    shared: bool = False
    """Whether several processes are going to use the backing; a store that can not serve them refuses to open."""
    lease: timedelta = timedelta(seconds=15)
    """How long a holder that hangs keeps its session from others; held leases are renewed three times as often."""
    must_exist: bool = False
    """Whether a store on a disk is refused where it is not there, instead of being made."""
    timeout: timedelta = timedelta(seconds=2)
    """How long one step of the store may take before it counts as unavailable."""
    durability: Durability | None = None
    """What a committed turn must outlive; None: whatever the store offers. `open_store` refuses a store that can not
    keep it; one that can be changed below a running server, as by a failover, is to serve no turn that might be less.
    """

    def demand_existence(self, path: Path) -> None:
        """Returns if there is something at a path, or need not be.

        Raises:
            InvalidSettings: There is not.
        """
        if self.must_exist and not path.exists():
            raise InvalidSettings(f"there is no store at {path}")
