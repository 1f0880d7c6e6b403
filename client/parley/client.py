"""The client for threads. `parley.async_client` is its twin for asyncio.

What does not wait is in `parley.exchanges` and `parley.retries`; here is what does.
"""

import time
from collections.abc import Callable, Generator
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar, Unpack

import grpc

from parley.channel import ChannelOptions, open_channel
from parley.events import Event, TurnCompleted
from parley.exchanges import EndExchange, Exchange, FollowExchange, HistoryExchange, SessionExchange, TurnExchange
from parley.requests import ConversationOptions, TurnOptions, chat_request, conversation_defaults
from parley.retries import DEFAULT_RETRY, DEFAULT_TIMEOUT, Attempts, RetryPolicy
from parley.session import EndedSession, Session, Turn
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
ItemT = TypeVar("ItemT")


class Client:
    """Talks to a parley server. One client serves any number of threads.

    Every method raises `ParleyError` or one of its subclasses when the call has failed for good. An iterator that is
    left before its end gives its call up when it is closed: `with contextlib.closing(client.chat(…)) as events`.
    """

    def __init__(
        self,
        target: str | grpc.Channel,
        *,
        options: ChannelOptions | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        retry: RetryPolicy | None = DEFAULT_RETRY,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Makes a client.

        Args:
            target: The server, `host:port` or another gRPC target; or a channel, which stays the caller's to close.
            options: How to reach the server; None: in plain text. Of no effect on a channel that is handed in.
            timeout: The deadline of each call, its retries included, where the call does not say another.
            retry: When to repeat a call; None: never.
            sleep: Waits for a number of seconds before a retry.
        """
        self._own_channel: grpc.Channel | None = None
        if isinstance(target, str):
            target = self._own_channel = open_channel(target, options or ChannelOptions())
        self._stub = ConversationServiceStub(target)
        self._timeout = timeout
        self._retry = retry or RetryPolicy(attempts=1)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; running calls are cancelled. A channel that was handed in stays open."""
        if self._own_channel is not None:
            self._own_channel.close()

    def chat(
        self, message: str, *, timeout: timedelta | None = None, heartbeats: bool = False, **turn: Unpack[TurnOptions]
    ) -> Generator[Event, None, None]:
        """Takes one turn and yields what happens in it, `TurnStarted` first and `TurnCompleted` last.

        A turn that fails in passing is sent again with the same request_id, so that it is applied once. Nothing is
        handed out twice; if the turn then goes another way, `Restarted` says so.

        Args:
            message: What the user said.
            timeout: The deadline of the turn, its retries included; None: the client's.
            heartbeats: Whether to hand out `Heartbeat` events.
            turn: See `TurnOptions`.

        Raises:
            TypeError: An option or the type of a value is unknown.
            ValueError: A value can not be sent.
        """
        exchange = TurnExchange(chat_request(message, **turn), heartbeats=heartbeats)
        return self._items(self._stub.Chat, exchange, self._within(timeout))

    def say(self, message: str, *, timeout: timedelta | None = None, **turn: Unpack[TurnOptions]) -> TurnCompleted:
        """Takes one turn as `chat` does and returns how it was completed."""
        events = list(self.chat(message, timeout=timeout, **turn))
        return next(event for event in events if isinstance(event, TurnCompleted))

    def get_session(self, session_id: str, *, timeout: timedelta | None = None) -> Session:
        """Reads a session as it stands.

        Raises:
            SessionNotFound: There is none.
        """
        return self._item(self._stub.GetSession, SessionExchange(session_id), timeout)

    def history(
        self, session_id: str, *, after_turn: int = 0, timeout: timedelta | None = None
    ) -> Generator[Turn, None, None]:
        """Yields the committed turns of a session in order, those after a given one.

        Raises:
            SessionNotFound: There is no such session.
        """
        exchange = HistoryExchange(session_id, after_turn=after_turn)
        return self._items(self._stub.GetSession, exchange, self._within(timeout))

    def follow(
        self, session_id: str, *, after_turn: int | None = None, timeout: timedelta | None = None
    ) -> Generator[Session | Turn, None, None]:
        """Yields a session as it stands and again after each commit, until it ends. A broken connection is resumed.

        Args:
            session_id: The session.
            after_turn: Yield the turns too, those after this one; None: no turns.
            timeout: How long to follow; None: until the session ends.

        Raises:
            SessionNotFound: There is no such session.
            DeadlineExceeded: The session has not ended within the time-out.
        """
        return self._items(self._stub.GetSession, FollowExchange(session_id, after_turn=after_turn), timeout)

    def end_session(
        self,
        session_id: str,
        *,
        include_history: bool = False,
        allow_missing: bool = False,
        timeout: timedelta | None = None,
    ) -> EndedSession:
        """Ends a session, after the turn that is running, and returns its final state.

        It is repeated only where the server says that nothing was done, as a repeat can not return what has gone. After
        an error whose `applied` is `unknown` the session may have ended.

        Raises:
            SessionNotFound: There is no such session, and that is not allowed.
        """
        exchange = EndExchange(session_id, include_history=include_history, allow_missing=allow_missing)
        return self._item(self._stub.EndSession, exchange, timeout)

    def conversation(self, session_id: str | None = None, **options: Unpack[ConversationOptions]) -> "Conversation":
        """Returns a conversation that remembers its session and the options of its turns.

        Args:
            session_id: The session to go on with; None: a new one, with a name that nobody can guess.
            options: See `ConversationOptions`.
        """
        return Conversation(self, conversation_defaults(session_id=session_id, **options))

    def _item(
        self,
        method: "grpc.UnaryStreamMultiCallable[RequestT, ResponseT]",
        exchange: Exchange[RequestT, ResponseT, ItemT],
        timeout: timedelta | None,
    ) -> ItemT:
        items = list(self._items(method, exchange, self._within(timeout)))
        return items[0]

    def _items(
        self,
        method: "grpc.UnaryStreamMultiCallable[RequestT, ResponseT]",
        exchange: Exchange[RequestT, ResponseT, ItemT],
        timeout: timedelta | None,
    ) -> Generator[ItemT, None, None]:
        attempts = Attempts(exchange, self._retry, timeout)
        while True:
            failure = None
            call = method(exchange.begin_attempt(), timeout=attempts.time_left())
            try:
                for response in call:
                    yield from exchange.take(response)
            except grpc.RpcError as error:
                failure = error
            finally:
                call.cancel()
            pause = attempts.pause_after(failure)
            if pause is None:
                return
            self._sleep(pause)

    def _within(self, timeout: timedelta | None) -> timedelta:
        return self._timeout if timeout is None else timeout


class Conversation:
    """One session of a `Client`, which makes it."""

    def __init__(self, client: Client, defaults: TurnOptions) -> None:
        self.session_id = defaults["session_id"]
        """The session, to go on with it elsewhere or later."""
        self._client = client
        self._defaults = defaults

    def chat(
        self, message: str, *, timeout: timedelta | None = None, heartbeats: bool = False, **turn: Unpack[TurnOptions]
    ) -> Generator[Event, None, None]:
        """Takes the next turn; see `Client.chat`."""
        return self._client.chat(message, timeout=timeout, heartbeats=heartbeats, **(self._defaults | turn))

    def say(self, message: str, *, timeout: timedelta | None = None, **turn: Unpack[TurnOptions]) -> TurnCompleted:
        """Takes the next turn; see `Client.say`."""
        return self._client.say(message, timeout=timeout, **(self._defaults | turn))
