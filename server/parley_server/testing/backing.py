"""What the suite of stores is run on: something that sessions are kept in, and what can be done to it.

This module must not know any store.
"""
# ruff: noqa: ARG002 (a power that is not there does not look at what it is given)

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, NoReturn

import pytest

from parley_server.ids import SessionKey
from parley_server.stores.protocol import StateStore


class Backing:
    """An empty place for sessions. Override `open`, and as many of the powers below it as there are.

    A test that needs a power which is not there is skipped, and says so; `exclusions` may say why it is not there.
    """

    exclusions: ClassVar[Mapping[str, str]] = {}
    """Why a power is missing, by the name of its method."""

    async def open(self) -> StateStore:
        """Opens a store object on the backing."""
        raise NotImplementedError

    async def another(self) -> StateStore:
        """Opens one more store object, which shares the sessions with those that are open and that were."""
        self.lacks("another")

    def elsewhere(self) -> "Backing":
        """Another backing of the same kind, which is empty."""
        self.lacks("elsewhere")

    def url(self) -> str:
        """The URL by which another process opens a store on the backing."""
        self.lacks("url")

    def advance(self, by: timedelta) -> None:
        """Moves on the clock that sessions expire by, and leases run out by."""
        self.lacks("advance")

    async def damage_snapshot(self, key: SessionKey) -> None:
        """Changes a bit of the session's snapshot."""
        self.lacks("damage_snapshot")

    async def damage_turn(self, key: SessionKey, turn: int) -> None:
        """Changes a bit of a turn's record."""
        self.lacks("damage_turn")

    async def vanish(self) -> None:
        """Makes the backing absent, or hang."""
        self.lacks("vanish")

    async def come_back(self) -> None:
        """Undoes `vanish`."""
        self.lacks("come_back")

    def hurry(self) -> None:
        """From here on, writes need not wait for the disk: a long history is made faster. May do nothing."""

    def effort(self) -> int:
        """How much has been read so far, in any unit that does not depend on the speed of the machine.

        0 where sessions are objects of the process, so that nothing is ever read.
        """
        self.lacks("effort")

    def lacks(self, power: str) -> NoReturn:
        """Skips the test that needs a power."""
        reason = self.exclusions.get(power, "nobody has written it")
        pytest.skip(f"{type(self).__name__} has no `{power}`: {reason}")
