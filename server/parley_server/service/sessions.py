"""The use cases `GetSession` and `EndSession`: reading a session, following it, and ending it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from parley_server.core.context import Turn
from parley_server.errors import SessionNotFound, TurnConflict
from parley_server.ids import SessionKey
from parley_server.service.catalogue import Catalogue
from parley_server.service.events import Ended, Limits, SessionPart, SessionView
from parley_server.service.requests import check_session_id
from parley_server.service.views import open_view, turns
from parley_server.stores.protocol import StateStore

_ENDING_ROUNDS = 10
"""How often the end of a session may be overtaken by another turn before it gives up."""


class Sessions:
    """Reads and ends sessions."""

    def __init__(
        self, *, store: StateStore, catalogue: Catalogue, limits: Limits, clock: Callable[[], datetime]
    ) -> None:
        """Takes its collaborators; `clock` gives the time, aware, UTC."""
        self._clock = clock
        self._store = store
        self._catalogue = catalogue
        self._limits = limits

    async def get(
        self, key: SessionKey, *, include_history: bool = False, after_turn: int = 0
    ) -> AsyncGenerator[SessionPart, None]:
        """Gives a session and, if asked for, the turns after a given one, in pages.

        Raises:
            InvalidRequest: No session can have that name.
            SessionNotFound: There is no such session, or it ended before all of it was given.
        """
        check_session_id(key.session_id)
        session = await self._read(key)
        yield session
        if include_history:
            async for page in self._history(key, session, after_turn):
                yield page

    async def follow(
        self, key: SessionKey, *, include_history: bool = False, after_turn: int = 0
    ) -> AsyncGenerator[SessionPart, None]:
        """Gives what `get` gives, and again at each later commit, until the session ends.

        Raises:
            InvalidRequest: No session can have that name.
            SessionNotFound: There is no such session.
        """
        check_session_id(key.session_id)
        async with self._store.watch(key) as changes:
            seen = await self._read(key)
            told = after_turn if include_history else seen.context.turn_count
            yield seen
            # Once it has been found, its going is its end, whenever that is noticed.
            with suppress(SessionNotFound):
                if include_history:
                    async for page in self._history(key, seen, told):
                        told = page[-1].turn
                        yield page
                async for _ in changes:
                    now = await self._read(key)
                    if not _is_same(now, seen):
                        break
                    # The history may have come further than the session that was given with it.
                    if now.context.turn_count == seen.context.turn_count:
                        continue
                    seen = now
                    yield seen
                    async for page in self._history(key, seen, told):
                        told = page[-1].turn
                        yield page
        yield Ended()

    async def end(
        self,
        key: SessionKey,
        *,
        include_history: bool = False,
        allow_missing: bool = False,
        budget: timedelta | None = None,
    ) -> AsyncGenerator[SessionPart, None]:
        """Gives the final session and, if asked for, its history; then removes it and gives `Ended`.

        The session is removed only when all of it has been given: a caller who goes away before has not lost it. When a
        turn was committed meanwhile, the session is given again, and what its history lacked.

        Raises:
            InvalidRequest: No session can have that name.
            SessionNotFound: There is no such session, and it may not be missing; or somebody else ended it before all
                of it was given.
            SessionBusy: A turn is running for longer than the budget.
            TurnConflict: The session is in so much use that it could not be ended.
        """
        check_session_id(key.session_id)
        told: SessionView | None = None
        given = 0
        wait = self._limits.turn_budget if budget is None else budget
        for _ in range(_ENDING_ROUNDS):
            async with self._store.open(key, wait=wait) as opened:
                if opened.stored is None:
                    if told or allow_missing:
                        break
                    raise SessionNotFound(key.session_id)
                final = open_view(key, opened.stored, self._catalogue, self._clock())
                if told and not _is_same(final, told):
                    break
                if told and final.context.turn_count == told.context.turn_count:
                    await opened.delete()
                    break
            # Nothing that waits for a caller holds the lease: it is told first, and the session removed after, if
            # nothing has moved it since.
            yield final
            if include_history:
                async for page in self._history(key, final, given):
                    given = page[-1].turn
                    yield page
            told = final
        else:
            raise TurnConflict("the session is in use: it could not be ended")
        yield Ended()

    async def _read(self, key: SessionKey) -> SessionView:
        stored = await self._store.read(key)
        if stored is None:
            raise SessionNotFound(key.session_id)
        return open_view(key, stored, self._catalogue, self._clock())

    async def _history(
        self, key: SessionKey, session: SessionView, after: int
    ) -> AsyncGenerator[tuple[Turn, ...], None]:
        """The turns after a given one, at least up to the last that the session had when it was read.

        Raises:
            SessionNotFound: It ended before they were read; another one may have its name.
        """
        while after < session.context.turn_count:
            records = await self._store.read_turns(key, after=after)
            if not records or not _is_same(await self._read(key), session):
                raise SessionNotFound(key.session_id)
            yield turns(key, records)
            after = records[-1].turn


def _is_same(one: SessionView, other: SessionView) -> bool:
    """Whether two of the same name are one session at two moments, and none of them ended before the other began."""
    return one.context.created_at == other.context.created_at
