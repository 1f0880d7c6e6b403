from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import pytest

from parley_server.stores.memory import InMemoryStore
from parley_server.stores.protocol import StateStore
from parley_server.testing.backing import Backing
from parley_server.testing.clock import ManualClock
from parley_server.testing.store_contract import StoreContract


class MemoryBacking(Backing):
    exclusions: ClassVar[Mapping[str, str]] = {
        "another": "sessions are inside one store object and go with it",
        "url": "sessions are inside one process",
        "damage_snapshot": "sessions are Python objects, which nothing outside the process can damage",
        "damage_turn": "sessions are Python objects, which nothing outside the process can damage",
        "vanish": "the process's memory does not go away",
    }

    def __init__(self) -> None:
        self._clock = ManualClock()

    async def open(self) -> StateStore:
        return InMemoryStore(clock=self._clock)

    def elsewhere(self) -> "MemoryBacking":
        return MemoryBacking()

    def effort(self) -> int:
        """Turns are found by their place in a list, and requests in a dictionary."""
        return 0

    def advance(self, by: timedelta) -> None:
        self._clock.advance(by)


class TestInMemoryStore(StoreContract):
    @pytest.fixture
    def backing(self) -> MemoryBacking:
        return MemoryBacking()
