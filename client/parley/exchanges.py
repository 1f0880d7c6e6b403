"""What is asked and what has been answered in one call of a client, over all its attempts.

An exchange makes the request of each attempt, takes the responses, and hands out each item once. It neither calls nor
waits, so both clients share it.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from parley.conversion import event_of, session_of, turn_of
from parley.errors import ParleyError, SessionBusy, SessionNotFound
from parley.events import Event, Heartbeat, Restarted, TextDelta, TurnCompleted
from parley.session import EndedSession, Session, Turn
from parley.v1 import conversation_pb2

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
ItemT = TypeVar("ItemT")


class Exchange(ABC, Generic[RequestT, ResponseT, ItemT]):
    """One call of a client: what it asks, what it has been answered, and how its attempts are to be judged."""

    completed = False
    """Whether everything has been answered."""
    completes_with_stream = False
    """Whether a stream that ends well completes the exchange, so that no last message has to say so."""
    completing_errors: tuple[type[ParleyError], ...] = ()
    """The errors that complete the exchange."""
    idempotent = True
    """Whether an attempt does no harm when the one before may have been applied."""
    final_errors: tuple[type[ParleyError], ...] = ()
    """The errors that the caller wants to see, however passing they are."""
    advanced = False
    """Whether the attempt has brought the exchange further for good, so that attempts are counted anew."""

    def __init__(self, request: RequestT) -> None:
        self.request = request
        """The request of the next attempt."""

    def begin_attempt(self) -> RequestT:
        """Begins an attempt and returns its request."""
        self.advanced = False
        return self.request

    @abstractmethod
    def take(self, response: ResponseT) -> Iterator[ItemT]:
        """Yields what a response holds that has not been handed out yet."""


class TurnExchange(Exchange[conversation_pb2.ChatRequest, conversation_pb2.ChatResponse, Event]):
    """One turn."""

    def __init__(self, request: conversation_pb2.ChatRequest, *, heartbeats: bool) -> None:
        super().__init__(request)
        if request.conflict_policy == conversation_pb2.CONFLICT_POLICY_REJECT:
            self.final_errors = (SessionBusy,)
        self._heartbeats = heartbeats
        self._handed_out: list[Event] = []
        self._sent: list[Event] = []
        self._length = 0
        self._repeat: _Repeat | None = None

    def begin_attempt(self) -> conversation_pb2.ChatRequest:
        """Begins an attempt, whose events are measured by those that the caller holds."""
        self._sent, self._length = [], 0
        self._repeat = _Repeat(self._handed_out) if self._handed_out else None
        return super().begin_attempt()

    def take(self, response: conversation_pb2.ChatResponse) -> Iterator[Event]:
        """Yields the events that the caller does not hold yet."""
        for message in response.events:
            event = event_of(message)
            if isinstance(event, Heartbeat):
                if self._heartbeats:
                    yield event
            elif event is not None and self._replaces(event):
                self._handed_out = list(self._sent)
                yield from (Restarted(), *self._sent)
            elif event is not None:
                self._sent.append(event)
                for news in self._news_in(event):
                    self._handed_out.append(news)
                    self.completed = isinstance(news, TurnCompleted)
                    yield news

    def _replaces(self, event: Event) -> bool:
        """Whether a piece takes back what was sent of the reply; then `_sent` is what stands."""
        if not isinstance(event, TextDelta):
            return False
        sent_before, self._length = self._length, event.offset + len(event.text)
        if event.offset >= sent_before:
            return False
        text = "".join(sent.text for sent in self._sent if isinstance(sent, TextDelta))
        self._repeat = None
        self._sent = [sent for sent in self._sent if not isinstance(sent, TextDelta)]
        self._sent.append(TextDelta(text=text[: event.offset] + event.text, offset=0))
        return True

    def _news_in(self, event: Event) -> Sequence[Event]:
        if self._repeat is None:
            return [event]
        news = self._repeat.news_in(event)
        if news is None:
            self._repeat = None
            self._handed_out = []
            return [Restarted(), *self._sent]
        return news


class _Repeat:
    """What a caller holds of a turn, as a measure of what a further attempt sends."""

    def __init__(self, handed_out: Sequence[Event]) -> None:
        self._text = "".join(event.text for event in handed_out if isinstance(event, TextDelta))
        self._changes = deque(event for event in handed_out if not isinstance(event, TextDelta | Restarted))

    def news_in(self, event: Event) -> Sequence[Event] | None:
        """Returns what the caller does not hold yet; None when the event contradicts what he holds."""
        if isinstance(event, TextDelta):
            known = self._text[event.offset : event.offset + len(event.text)]
            if not event.text.startswith(known):
                return None
            new = event.text[len(known) :]
            return [TextDelta(text=new, offset=event.offset + len(known))] if new else []
        if isinstance(event, TurnCompleted):
            return None if self._changes or not event.reply.startswith(self._text) else [event]
        if self._changes:
            return [] if self._changes.popleft() == event else None
        return [event]


class _Reading(Exchange[conversation_pb2.GetSessionRequest, conversation_pb2.GetSessionResponse, ItemT]):
    """A session that is read. A further attempt goes on after the last turn that was handed out."""

    def _turns_in(self, response: conversation_pb2.GetSessionResponse) -> Iterator[Turn]:
        for turn in response.history.turns:
            self.advanced = True
            self.request.after_turn = turn.turn
            yield turn_of(turn)


class SessionExchange(_Reading[Session]):
    """A session as it stands."""

    def __init__(self, session_id: str) -> None:
        super().__init__(conversation_pb2.GetSessionRequest(session_id=session_id))

    def take(self, response: conversation_pb2.GetSessionResponse) -> Iterator[Session]:
        """Yields the session."""
        if response.HasField("session"):
            self.completed = True
            yield session_of(response.session)


class HistoryExchange(_Reading[Turn]):
    """The turns of a session."""

    completes_with_stream = True

    def __init__(self, session_id: str, *, after_turn: int) -> None:
        super().__init__(
            conversation_pb2.GetSessionRequest(session_id=session_id, include_history=True, after_turn=after_turn)
        )

    def take(self, response: conversation_pb2.GetSessionResponse) -> Iterator[Turn]:
        """Yields the turns of a page."""
        yield from self._turns_in(response)


class FollowExchange(_Reading[Session | Turn]):
    """A session from now on, until it ends."""

    def __init__(self, session_id: str, *, after_turn: int | None) -> None:
        super().__init__(
            conversation_pb2.GetSessionRequest(
                session_id=session_id, include_history=after_turn is not None, after_turn=after_turn or 0, follow=True
            )
        )
        self._session: Session | None = None

    def take(self, response: conversation_pb2.GetSessionResponse) -> Iterator[Session | Turn]:
        """Yields the session, where it is another than before, and the turns of a page."""
        if response.HasField("session"):
            # A session that was there and is not found later has ended while the connection was broken.
            self.completing_errors = (SessionNotFound,)
            session = session_of(response.session)
            if session != self._session:
                self._session = session
                self.advanced = True
                yield session
        yield from self._turns_in(response)
        self.completed = response.HasField("ended")


class EndExchange(Exchange[conversation_pb2.EndSessionRequest, conversation_pb2.EndSessionResponse, EndedSession]):
    """A session that is ended. Where the first attempt ended it, another one would find none, and lose what it was."""

    idempotent = False

    def __init__(self, session_id: str, *, include_history: bool, allow_missing: bool) -> None:
        super().__init__(
            conversation_pb2.EndSessionRequest(
                session_id=session_id, include_history=include_history, allow_missing=allow_missing
            )
        )
        self._session: Session | None = None
        self._turns: list[Turn] = []

    def take(self, response: conversation_pb2.EndSessionResponse) -> Iterator[EndedSession]:
        """Yields the session and its turns when they are complete."""
        if response.HasField("session"):
            self._session = session_of(response.session)
        self._turns.extend(turn_of(turn) for turn in response.history.turns)
        if response.HasField("ended"):
            self.completed = True
            yield EndedSession(session=self._session, turns=tuple(self._turns))
