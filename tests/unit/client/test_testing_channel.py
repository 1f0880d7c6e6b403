"""The client on a channel of grpcio-testing: what users do who test their own code without a server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc_testing
import pytest
from grpc_status import rpc_status
from support.scripted_service import broken, refused

import parley
from parley.v1.conversation_pb2 import (
    DESCRIPTOR,
    ChatEvent,
    ChatResponse,
    Ended,
    EndSessionResponse,
    GetSessionResponse,
    TextDelta,
    TurnCompleted,
)
from parley.v1.session_pb2 import History, Session, Turn

SERVICE = DESCRIPTOR.services_by_name["ConversationService"]
METHODS = SERVICE.methods_by_name
HELLO = ChatResponse(
    events=[
        ChatEvent(text_delta=TextDelta(text="Hello")),
        ChatEvent(turn_completed=TurnCompleted(reply="Hello", session=Session(session_id="s-1"))),
    ]
)


@pytest.fixture
def channel() -> grpc_testing.Channel:
    return grpc_testing.channel([SERVICE], grpc_testing.strict_real_time())


@pytest.fixture
def client(channel: grpc_testing.Channel) -> parley.Client:
    return parley.Client(channel, sleep=lambda _: None)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_a_turn_is_taken(channel: grpc_testing.Channel, client: parley.Client, thread: ThreadPoolExecutor) -> None:
    reply = thread.submit(client.say, "hi", session_id="s-1")

    _, request, call = channel.take_unary_stream(METHODS["Chat"])
    call.send_response(HELLO)
    call.terminate((), grpc.StatusCode.OK, "")

    assert reply.result().reply == "Hello"
    assert (request.message, request.session_id) == ("hi", "s-1")


@pytest.mark.parametrize(
    "failure", [broken(grpc.StatusCode.UNAVAILABLE), refused(grpc.StatusCode.ABORTED, "TURN_CONFLICT")]
)
def test_a_turn_that_failed_in_passing_is_sent_again(
    channel: grpc_testing.Channel, client: parley.Client, thread: ThreadPoolExecutor, failure: object
) -> None:
    reply = thread.submit(client.say, "hi")
    status = rpc_status.to_status(failure)

    _, first, call = channel.take_unary_stream(METHODS["Chat"])
    call.terminate(status.trailing_metadata, status.code, status.details)
    _, second, call = channel.take_unary_stream(METHODS["Chat"])
    call.send_response(HELLO)
    call.terminate((), grpc.StatusCode.OK, "")

    assert reply.result().reply == "Hello"
    assert first == second


def test_an_iterator_that_is_closed_gives_its_call_up(
    channel: grpc_testing.Channel, client: parley.Client, thread: ThreadPoolExecutor
) -> None:
    events = client.chat("hi")
    first = thread.submit(next, events)

    _, _, call = channel.take_unary_stream(METHODS["Chat"])
    call.send_response(HELLO)
    assert isinstance(first.result(), parley.TextDelta)
    events.close()

    call.cancelled()  # Returns once the client has cancelled.


def test_a_refusal_is_raised(channel: grpc_testing.Channel, client: parley.Client, thread: ThreadPoolExecutor) -> None:
    session = thread.submit(client.get_session, "s-1")
    status = rpc_status.to_status(refused(grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND"))

    _, _, call = channel.take_unary_stream(METHODS["GetSession"])
    call.terminate(status.trailing_metadata, status.code, status.details)

    with pytest.raises(parley.SessionNotFound):
        session.result()


def test_a_history_is_read(channel: grpc_testing.Channel, client: parley.Client, thread: ThreadPoolExecutor) -> None:
    turns = thread.submit(lambda: list(client.history("s-1")))

    _, _, call = channel.take_unary_stream(METHODS["GetSession"])
    call.send_response(GetSessionResponse(session=Session(session_id="s-1")))
    call.send_response(GetSessionResponse(history=History(turns=[Turn(turn=1), Turn(turn=2)])))
    call.terminate((), grpc.StatusCode.OK, "")

    assert [turn.turn for turn in turns.result()] == [1, 2]


def test_a_session_is_ended(channel: grpc_testing.Channel, client: parley.Client, thread: ThreadPoolExecutor) -> None:
    ended = thread.submit(client.end_session, "s-1")

    _, _, call = channel.take_unary_stream(METHODS["EndSession"])
    call.send_response(EndSessionResponse(session=Session(session_id="s-1")))
    call.send_response(EndSessionResponse(ended=Ended()))
    call.terminate((), grpc.StatusCode.OK, "")

    session = ended.result().session
    assert session is not None
    assert session.session_id == "s-1"
