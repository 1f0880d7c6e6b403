"""A server without its network: the use cases on a store, in this process, and calls that go straight to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from support.faults_echo import DEFINITION, Echo
from support.faults_record import Answer, Kept, KeptTurn, Line, Outcome, Unanswered

from parley_server.assistants.loading import load_assistant
from parley_server.core.context import Turn
from parley_server.core.understanding import Situation, Understanding
from parley_server.errors import ParleyError, SessionNotFound
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.service.catalogue import Catalogue
from parley_server.service.chat import Chat
from parley_server.service.events import ChatCommand, ChatEvent, Limits, SessionView, TurnCompleted, TurnStarted
from parley_server.service.running import RunningTurns
from parley_server.service.sessions import Sessions
from parley_server.stores.options import utc_now
from parley_server.stores.protocol import StateStore

_GRACE = timedelta(seconds=5)


class _Listener:
    """Understands nothing but the words, as the echo needs no more."""

    recent_turns = 0

    async def understand(self, message: str, situation: Situation, _consultation: object) -> Understanding:
        return Understanding(message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The use cases on a store."""

    chat: Chat
    sessions: Sessions
    turns: RunningTurns

    def line(self, tenant: str = DEFAULT_TENANT, *, ballast: str = "") -> Line:
        """Calls from a tenant; the session keeps some ballast as well."""
        metadata = {"ballast": ballast} if ballast else {}

        async def say(session: str, request_id: str, message: str) -> Answer:
            command = ChatCommand(
                tenant=tenant, session_id=session, request_id=request_id, message=message, metadata=metadata
            )
            try:
                events = await self._events(command)
            except ParleyError as error:
                outcome = Outcome.UNKNOWN if error.maybe_applied else Outcome.FAILED
                raise Unanswered(outcome, f"{type(error).__name__}: {error}") from error
            started, completed = events[0], events[-1]
            assert isinstance(started, TurnStarted)
            assert isinstance(completed, TurnCompleted)
            return Answer(
                reply=completed.reply,
                turn=started.turn,
                replayed=completed.replayed,
                turn_count=completed.session.context.turn_count,
                known=Echo.of(completed.session.context.metadata),
            )

        return say

    async def kept(self, session: str, tenant: str = DEFAULT_TENANT) -> Kept:
        """Reads a session and its history; empty if there is none."""
        kept = Kept()
        try:
            async for part in self.sessions.get(SessionKey(tenant, session), include_history=True):
                if isinstance(part, SessionView):
                    kept = Kept(turn_count=part.context.turn_count, known=Echo.of(part.context.metadata))
                elif isinstance(part, tuple):
                    kept = replace(kept, turns=(*kept.turns, *map(_kept_turn, part)))
        except SessionNotFound:
            return Kept()
        return kept

    async def _events(self, command: ChatCommand) -> list[ChatEvent]:
        listener = await self.chat.take(command)
        events: list[ChatEvent] = []
        try:
            while batch := await listener.next():
                events += batch
        finally:
            listener.leave()
        return events


@asynccontextmanager
async def core(store: StateStore) -> AsyncIterator[Core]:
    """Serves a store, which stays the caller's to close; waits at the end for what is running."""
    catalogue = Catalogue([load_assistant(DEFINITION)])
    limits = Limits()
    turns = RunningTurns(waiting_limit=limits.waiting_turns)
    chat = Chat(
        store=store,
        catalogue=catalogue,
        understander_of=lambda _: _Listener(),
        model=None,
        running=turns,
        limits=limits,
        clock=utc_now,
    )
    sessions = Sessions(store=store, catalogue=catalogue, limits=limits, clock=utc_now)
    try:
        yield Core(chat=chat, sessions=sessions, turns=turns)
    finally:
        await turns.drain(_GRACE)


def _kept_turn(turn: Turn) -> KeptTurn:
    return KeptTurn(turn=turn.turn, request_id=turn.request_id, message=turn.user_message, reply=turn.reply)
