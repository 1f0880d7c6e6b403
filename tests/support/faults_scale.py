"""How thorough the tests of faults are, on which stores, and where their figures go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T", int, float)

Report: TypeAlias = Callable[[str], None]
"""Prints a line of what was measured."""

ON_DISK = {"file": "file://{folder}/sessions", "sqlite": "sqlite:///{folder}/parley.db"}
"""The stores on a disk, by scheme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How far to go."""

    full: bool

    def of(self, short: T, full: T) -> T:
        """One of two amounts."""
        return full if self.full else short
