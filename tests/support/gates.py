"""An assistant that waits where a test tells it to, so that a test can look at a turn that is running."""

import asyncio
from contextlib import suppress

from parley_server.core.conditions import Scope
from parley_server.core.reactions import Reaction

GATED = """
assistant: gated
flows:
  main:
    states:
      start:
        on:
          - {when: always, to: start}
branches:
  - {name: count, when: always, run: "support.gates:count"}
"""


class Gate:
    """Holds up the turns that say "wait" until it is opened."""

    current: "Gate"

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._left = asyncio.Event()

    @classmethod
    def fresh(cls) -> "Gate":
        """A gate that is closed, and that turns reach from now on."""
        cls.current = cls()
        return cls.current

    async def reached(self) -> None:
        """Returns when a turn waits here."""
        await self._reached.wait()

    async def left(self) -> None:
        """Returns when a turn has gone from here."""
        await self._left.wait()

    def open(self) -> None:
        """Lets turns through."""
        self._opened.set()

    async def pass_through(self) -> None:
        """Waits here."""
        self._reached.set()
        try:
            await self._opened.wait()
        finally:
            self._left.set()


async def count(scope: Scope) -> Reaction:
    """Answers with the number of turns that the session's metadata know of, one more each time."""
    message = scope.understanding.message
    if message == "wait":
        await Gate.current.pass_through()
    if message == "stay":
        with suppress(asyncio.CancelledError):
            await Gate.current.pass_through()
    if message == "fail":
        raise ValueError("a secret")
    known = scope.context.metadata.get("turns", 0)
    turns = int(known) + 1 if isinstance(known, int | float) else 1
    return Reaction(say=f"{message}: {turns}", metadata={"turns": turns})
