"""Who may hold a session within one store object: one at a time, in order of arrival.

This module must not know where sessions are kept, or that other processes exist.
"""

import asyncio
from collections import deque
from datetime import timedelta

from parley_server.errors import SessionBusy, StoreUnavailable
from parley_server.ids import SessionKey


class Turnstile:
    """Lets one holder at a time through for each session. To be used on one event loop."""

    def __init__(self) -> None:
        self._queues: dict[SessionKey, deque[asyncio.Future[None]]] = {}
        self._closed = False

    async def enter(self, key: SessionKey, wait: timedelta) -> None:
        """Returns when the session is the caller's, who must `leave` it later.

        Raises:
            SessionBusy: Another holder kept it for longer than `wait`.
            StoreUnavailable: The turnstile is closed.
        """
        if self._closed:
            raise _closed()
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = deque()
            return
        if not wait:
            raise SessionBusy
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            async with asyncio.timeout(wait.total_seconds()):
                await place
        except BaseException as error:
            self._give_up(key, place)
            if isinstance(error, TimeoutError):
                raise SessionBusy from None
            raise

    def leave(self, key: SessionKey) -> None:
        """Hands the session to the one that has waited the longest."""
        queue = self._queues[key]
        while queue:
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        del self._queues[key]

    def turn_away(self, key: SessionKey) -> None:
        """Hands a session back that can not be used now, and tells those who wait for it, who could not either."""
        for place in self._queues.pop(key):
            if not place.done():
                place.set_exception(StoreUnavailable)

    def close(self) -> None:
        """Turns away everyone who waits, and everyone who comes."""
        self._closed = True
        for queue in self._queues.values():
            for place in queue:
                if not place.done():
                    place.set_exception(_closed())

    def _give_up(self, key: SessionKey, place: asyncio.Future[None]) -> None:
        admitted = place.done() and not place.cancelled() and place.exception() is None
        if admitted:
            self.leave(key)
        else:
            queue = self._queues.get(key)
            if queue and place in queue:
                queue.remove(place)


def _closed() -> StoreUnavailable:
    return StoreUnavailable("the store is closed")
