"""Turns that are running: each in a task of its own, which no caller's coming or going can disturb half-way.

A caller only listens. Several may listen to one turn: whoever repeats a request while it runs hears the same events.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeAlias

from msgspec.structs import replace

from parley_server.errors import Overloaded, RequestIdReused, ShuttingDown
from parley_server.ids import SessionKey
from parley_server.service.events import ChatEvent, Heartbeat, TurnCompleted


class RunningTurn:
    """One turn and what has come of it so far."""

    def __init__(self, *, survives: bool, fingerprint: str) -> None:
        """Takes whether the turn goes on when nobody listens, as a caller asked, and its request's fingerprint."""
        self.survives = survives
        self.fingerprint = fingerprint
        self.committing = False
        """Whether its commit has begun: from then on it is not cancelled."""
        self.abandoned = False
        """Whether it was cancelled as nobody listened any more: there is nothing left to listen to."""
        self.events: list[ChatEvent] = []
        self.listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[asyncio.Future[bool]] = []

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs the turn."""
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._wake)
        return self._task

    def emit(self, *events: ChatEvent) -> None:
        """Tells those who listen."""
        self.events += events
        self._wake()

    def over(self) -> bool:
        """Whether nothing more will come.

        Raises:
            ParleyError: The turn failed.
        """
        if self._task is None or not self._task.done():
            return False
        self._task.result()
        return True

    async def changed(self, patience: timedelta) -> bool:
        """Waits until there is something new; False: there was nothing for so long."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(patience.total_seconds(), _wake, waiter, False)
        try:
            return await waiter
        finally:
            timer.cancel()

    def abandon(self) -> None:
        """Cancels the turn, unless it survives its callers or its commit has begun."""
        if self._task and not (self.survives or self.committing):
            self.abandoned = True
            self._task.cancel()

    def _wake(self, _: object = None) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            _wake(waiter, True)


def _wake(waiter: "asyncio.Future[bool]", news: bool) -> None:  # noqa: FBT001 (a callback)
    if not waiter.done():
        waiter.set_result(news)


class Listener:
    """A caller who listens to a turn, from its first event on."""

    def __init__(self, turn: RunningTurn, *, repeats: bool, heartbeat: timedelta) -> None:
        """Takes the turn, whether the caller repeats a request that was running already, and how long it is patient."""
        self._heartbeat = heartbeat
        self._turn = turn
        self._repeats = repeats
        self._heard = 0
        turn.listeners += 1

    async def next(self) -> Sequence[ChatEvent]:
        """Gives the events that came since, all that are there, or a heartbeat; empty when the turn is over.

        Raises:
            ParleyError: The turn failed; all its events came before.
        """
        turn = self._turn
        while self._heard == len(turn.events):
            if turn.over():
                return ()
            if not await turn.changed(self._heartbeat):
                return (Heartbeat(),)
        batch = turn.events[self._heard :]
        self._heard += len(batch)
        if self._repeats and isinstance(batch[-1], TurnCompleted):
            batch[-1] = replace(batch[-1], replayed=True)
        return batch

    def leave(self) -> None:
        """Stops listening. When nobody is left, the turn is abandoned."""
        self._turn.listeners -= 1
        if not self._turn.listeners:
            self._turn.abandon()


Work: TypeAlias = Callable[[RunningTurn], Coroutine[Any, Any, None]]


class RunningTurns:
    """All turns that are running in this server."""

    def __init__(self, *, waiting_limit: int, heartbeat: timedelta = timedelta(seconds=10)) -> None:
        """Takes how many turns of one session may run or wait at once, and how long a caller hears nothing."""
        self._heartbeat = heartbeat
        self._waiting_limit = waiting_limit
        self._by_request: dict[tuple[SessionKey, str], RunningTurn] = {}
        self._by_session: Counter[SessionKey] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    def join(self, key: SessionKey, request_id: str, turn: RunningTurn, work: Work) -> Listener:
        """Listens to the running turn that has this request_id, or else runs this one.

        Raises:
            RequestIdReused: The running turn's request was another one.
            Overloaded: Too many turns of the session are waiting.
            ShuttingDown: The server takes no more turns.
        """
        running = self._by_request.get((key, request_id)) if request_id else None
        if running and not running.abandoned:
            if running.fingerprint != turn.fingerprint:
                raise RequestIdReused(key.session_id)
            running.survives |= turn.survives
            return Listener(running, repeats=True, heartbeat=self._heartbeat)
        if self._closed:
            raise ShuttingDown
        if self._by_session[key] >= self._waiting_limit:
            raise Overloaded("too many turns are waiting for this session", session_id=key.session_id)
        self._run(key, request_id, turn, work)
        return Listener(turn, repeats=False, heartbeat=self._heartbeat)

    def close(self) -> None:
        """Takes no more turns."""
        self._closed = True

    async def drain(self, grace: timedelta) -> None:
        """Takes no more turns, and waits for those that run; those that take longer than the grace are cancelled."""
        self.close()
        if not self._tasks:
            return
        await asyncio.wait(self._tasks, timeout=grace.total_seconds())
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _run(self, key: SessionKey, request_id: str, turn: RunningTurn, work: Work) -> None:
        def forget(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._by_session[key] -= 1
            if not self._by_session[key]:
                del self._by_session[key]
            # Whoever came back for an abandoned turn may have begun it anew.
            if self._by_request.get((key, request_id)) is turn:
                del self._by_request[key, request_id]
            if not task.cancelled():
                task.exception()  # Nobody may be listening any more; then the failure is nobody's.

        self._by_session[key] += 1
        if request_id:
            self._by_request[key, request_id] = turn
        task = turn.start(work(turn))
        self._tasks.add(task)
        task.add_done_callback(forget)
