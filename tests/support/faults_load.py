"""Callers who talk on whatever happens: each sends one request after another, and decides itself what to repeat."""

import asyncio
import random
from collections.abc import Callable, Iterator
from itertools import count

from support.faults_record import Line, Outcome, Recorder

_PAUSE = 0.03
_MOST_ATTEMPTS = 400


class Crowd:
    """Callers on one recorder; the sessions are dealt out to them in turn."""

    def __init__(
        self,
        recorder: Recorder,
        line: Callable[[int], Line],
        *,
        sessions: int,
        seed: int,
        gives_up: float = 0.1,
        prefix: str = "s",
    ) -> None:
        """Makes a crowd.

        Args:
            recorder: Writes everything down.
            line: Chooses how a caller's next attempt reaches a server.
            sessions: How many sessions there are.
            seed: Of every choice.
            gives_up: How likely a caller is to leave a request that failed, instead of repeating it.
            prefix: What the names of the sessions begin with; numbers from 0 follow.
        """
        self._recorder = recorder
        self._line = line
        self._sessions = sessions
        self._gives_up = gives_up
        self._prefix = prefix
        self._random = random.Random(seed)
        self._enough = asyncio.Event()

    def stop(self) -> None:
        """Lets every caller end with the request that it is at."""
        self._enough.set()

    async def talk(self, callers: int, *, requests: int | None = None) -> None:
        """Lets callers talk until they have sent so many requests each, or until `stop`."""
        async with asyncio.TaskGroup() as group:
            for caller in range(callers):
                numbers = count() if requests is None else iter(range(requests))
                group.create_task(self._talk(caller, numbers))

    async def _talk(self, caller: int, numbers: Iterator[int]) -> None:
        session = f"{self._prefix}{caller % self._sessions}"
        for number in numbers:
            if self._enough.is_set():
                return
            await self._request(caller, session, f"c{caller}-{number}")

    async def _request(self, caller: int, session: str, request_id: str) -> None:
        for _ in range(_MOST_ATTEMPTS):
            call = await self._recorder.say(self._line(caller), session, request_id)
            if call.outcome is Outcome.OK or self._random.random() < self._gives_up:
                return
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"{session}/{request_id} was never answered")
