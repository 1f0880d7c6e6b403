"""The use case `Chat`: one turn, exactly once.

check ─► open session ─► repeat? ─► decide ─► commit ─► tell
         lease + load    replay     pure      compare-and-append
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext, Turn
from parley_server.core.decision import Decision
from parley_server.core.explanation import ExplanationStep
from parley_server.core.snapshot import dump_context, dump_turn, load_context, load_turn
from parley_server.core.turn import decide
from parley_server.errors import (
    AssistantFailed,
    DeadlineExceeded,
    InvalidRequest,
    RequestIdReused,
    SessionNotFound,
    TurnCountMismatch,
    UnknownAssistant,
    UserMismatch,
)
from parley_server.ids import SessionKey, derived_session_id, new_session_id
from parley_server.models.access import ModelAccess
from parley_server.models.consultation import Consultation
from parley_server.nlu.protocol import Understander
from parley_server.nlu.values import Reference
from parley_server.patience import Patience
from parley_server.service.acting import carry_through
from parley_server.service.catalogue import Catalogue
from parley_server.service.events import (
    ChatCommand,
    Limits,
    SessionView,
)
from parley_server.service.requests import check_chat, check_metadata, check_slots, fingerprint
from parley_server.service.running import Listener, RunningTurn, RunningTurns
from parley_server.service.telling import Telling
from parley_server.service.views import open_view, turns, view
from parley_server.stores.protocol import OpenSession, StateStore, StoredSession, TurnRecord


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that was decided, and the session after it."""

    turn: Turn
    session: SessionView
    explanation: tuple[ExplanationStep, ...]


class Chat:
    """Takes turns."""

    def __init__(
        self,
        *,
        store: StateStore,
        catalogue: Catalogue,
        understander_of: Callable[[Assistant], Understander],
        model: ModelAccess | None,
        running: RunningTurns,
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        """Takes its collaborators.

        Args:
            store: Keeps the sessions.
            catalogue: The assistants.
            understander_of: Who understands an assistant's messages.
            model: What writes texts; None: nothing does.
            running: The turns that are running.
            limits: What is allowed.
            clock: Gives the time, aware, UTC.
        """
        self._store = store
        self._catalogue = catalogue
        self._understander_of = understander_of
        self._model = model
        self._running = running
        self._limits = limits
        self._clock = clock

    async def take(self, command: ChatCommand, budget: timedelta | None = None) -> Listener:
        """Begins a turn, or joins the one that has the same request_id and is running; the caller listens to it.

        Args:
            command: The turn.
            budget: How long it may take; None: as long as the limits say.

        Raises:
            InvalidRequest: The request can not be right.
            Overloaded: Too many turns of the session are waiting.
            ShuttingDown: The server takes no more turns.
        """
        check_chat(command, self._limits)
        if command.assistant:
            self._catalogue.find(command.assistant)
        key = SessionKey(command.tenant, command.session_id or await self._new_session_id(command))
        digest = fingerprint(command) if command.request_id else ""
        limit = self._limits.turn_budget
        deadline = asyncio.get_running_loop().time() + (limit if budget is None else min(budget, limit)).total_seconds()

        async def work(turn: RunningTurn) -> None:
            try:
                await self._take(turn, command, key, deadline)
            except TimeoutError:
                raise DeadlineExceeded from None

        turn = RunningTurn(survives=command.survives, fingerprint=digest)
        # A dry run commits nothing, so nothing that repeats it may take its reply for that of a turn.
        return self._running.join(key, "" if command.dry_run else command.request_id, turn, work)

    async def _new_session_id(self, command: ChatCommand) -> str:
        if not command.request_id:
            return new_session_id()
        return derived_session_id(await self._store.secret(), command.tenant, command.request_id)

    async def _take(self, running: RunningTurn, command: ChatCommand, key: SessionKey, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        wait = timedelta(seconds=max(deadline - loop.time(), 0)) if command.queue else timedelta(0)
        telling, patience = Telling(running), Patience()
        with closing(patience), patience.until(deadline):
            async with self._store.open(
                key, request_id=command.request_id, recent=self._recent_turns(command), wait=wait
            ) as opened:
                if opened.repeat and not command.dry_run:
                    self._replay(telling, command, key, opened.repeat, opened.stored)
                    return
                taken = await self._decide(command, key, opened, telling, deadline)
                if command.dry_run:
                    telling.complete(taken.turn, taken.session, explanation=taken.explanation)
                    return
                if loop.time() >= deadline:
                    # It passed while the turn was decided without a pause, in which it could have struck.
                    raise TimeoutError
                patience.close()
                running.committing = True
                data = dump_turn(taken.turn, fingerprint=running.fingerprint)
                record = await opened.commit(
                    snapshot=dump_context(taken.session.context),
                    request_id=command.request_id,
                    data=data,
                    expires_in=self._limits.idle_expiry,
                )
        if record.data == data:
            telling.complete(taken.turn, taken.session)
        else:
            # Another server was first with the request_id, maybe with another reply to it, or to another message.
            self._replay(telling, command, key, record, await self._store.read(key))

    def _recent_turns(self, command: ChatCommand) -> int:
        """How many of the last turns to load: as many as any assistant looks back that may lead the session."""
        if not command.session_id:
            return 0
        assistants = self._catalogue.loaded(command.assistant)
        return max((max(a.recent_turns, self._understander_of(a).recent_turns) for a in assistants), default=0)

    async def _decide(
        self, command: ChatCommand, key: SessionKey, opened: OpenSession, telling: Telling, deadline: float
    ) -> _Taken:
        started_at = self._clock()
        context, assistant = self._open(command, key, opened, started_at)
        now = started_at.astimezone(ZoneInfo(context.time_zone or assistant.time_zone))
        understander = self._understander_of(assistant)
        reference = Reference(now=now, locale=context.locale or assistant.locale)
        checking = check_slots(command.slots, assistant.slots, context, reference)
        given = await carry_through(checking, understander) if command.slots else None
        course = decide(
            assistant,
            context,
            message=command.message,
            now=now,
            given=given,
            handed_back=command.handed_back,
            explain=command.dry_run,
            dry_run=command.dry_run,
        )
        consultation = self._consultation(key, context, deadline)
        decision = await carry_through(course, understander, consultation, telling.progress)
        self._check(decision)
        turn = self._turn(command, decision, consultation, started_at)
        after = replace(
            decision.context,
            updated_at=turn.completed_at,
            turn_count=turn.turn,
            usage=context.usage + consultation.usage,
        )
        idle = self._limits.idle_expiry
        session = view(after, assistant, turn.completed_at + idle if idle else None)
        return _Taken(turn=turn, session=session, explanation=decision.explanation)

    def _turn(self, command: ChatCommand, decision: Decision, consultation: Consultation, started_at: datetime) -> Turn:
        return Turn(
            turn=decision.context.turn_count + 1,
            request_id=command.request_id,
            user_message=command.message,
            reply=decision.reply,
            slots_changed=decision.slots_changed,
            state_changed=decision.state_changed,
            intent=decision.intent,
            started_at=started_at,
            completed_at=self._clock(),
            degraded=consultation.degraded,
            usage=consultation.usage,
            private=decision.private,
            shown_reply=decision.shown_reply if decision.shown_reply != decision.reply else None,
        )

    def _consultation(self, key: SessionKey, context: ConversationContext, deadline: float) -> Consultation:
        if self._model is None:
            return Consultation()
        return self._model.consultation(tenant=key.tenant, used=context.usage, deadline=deadline)

    def _check(self, decision: Decision) -> None:
        """Refuses what a definition or its code makes too large to be kept."""
        try:
            check_metadata(decision.context, self._limits)
            if len(decision.reply.encode()) <= self._limits.reply_bytes:
                return
            problem = f"the reply is longer than {self._limits.reply_bytes} bytes"
        except InvalidRequest as error:
            problem = error.message
        raise AssistantFailed(problem, state=str(decision.context.frame))

    def _open(
        self, command: ChatCommand, key: SessionKey, opened: OpenSession, now: datetime
    ) -> tuple[ConversationContext, Assistant]:
        """The session that the turn continues, or a new one, and the assistant that leads it."""
        found = opened.stored.version if opened.stored else 0
        if command.expected_turn_count not in (None, found):
            raise TurnCountMismatch(expected=command.expected_turn_count or 0, found=found)
        if opened.stored:
            history = turns(key, opened.recent)
            context = load_context(opened.stored.snapshot, session_id=key.session_id, history=history)
            _check_owner(command, context)
            context, assistant = self._catalogue.resume(context)
        else:
            assistant = self._catalogue.find(command.assistant)
            context = ConversationContext(
                session_id=key.session_id,
                assistant=assistant.name,
                assistant_version=assistant.version,
                created_at=now,
                updated_at=now,
            )
        if command.user_id or command.locale or command.time_zone:
            context = replace(
                context,
                user_id=command.user_id or context.user_id,
                locale=command.locale or context.locale,
                time_zone=command.time_zone or context.time_zone,
            )
        return check_metadata(context.merge_metadata(command.metadata), self._limits), assistant

    def _replay(
        self,
        telling: Telling,
        command: ChatCommand,
        key: SessionKey,
        record: TurnRecord,
        stored: StoredSession | None,
    ) -> None:
        if stored is None:
            raise SessionNotFound(key.session_id)
        session = open_view(key, stored, self._catalogue, self._clock())
        _check_owner(command, session.context)
        taken = load_turn(record.data, session_id=key.session_id)
        if taken.fingerprint != fingerprint(command):
            raise RequestIdReused(key.session_id, taken.turn.turn)
        telling.complete(taken.turn, session, replayed=True)


def _check_owner(command: ChatCommand, context: ConversationContext) -> None:
    if command.user_id and context.user_id and command.user_id != context.user_id:
        raise UserMismatch(context.session_id)
    if command.assistant and command.assistant != context.assistant:
        raise UnknownAssistant(command.assistant, f"the session is led by `{context.assistant}`")
