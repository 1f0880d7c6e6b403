"""The border: what reaches the caller and what reaches the log, over a real server whose service fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from support.waiting import until

from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import (
    ConversationServiceStub,
)
from parley_server.errors import ModelFault, ModelUnavailable, SessionNotFound
from parley_server.rpc.boundary import Context, bounded

SECRET = "redis://ada:secret@localhost"
"""What no caller may see."""
PIECE = wire.ChatResponse(events=[wire.ChatEvent(text_delta=wire.TextDelta(text="Hel"))])


class Service:
    """Does what a test has written down."""

    def __init__(self) -> None:
        self.behaviour: Callable[[Any, Context], Awaitable[None]] | None = None
        self.left = asyncio.Event()

    async def chat(self, request: wire.ChatRequest, context: Context) -> None:
        assert self.behaviour
        await self.behaviour(request, context)

    async def hang(self, _request: wire.ChatRequest, context: Context) -> None:
        """Writes a piece and waits for the caller to leave."""
        await context.write(PIECE.SerializeToString())
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def stub(service: Service) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    chat: Any = grpc.unary_stream_rpc_method_handler(bounded("Chat", wire.ChatRequest.FromString, service.chat))
    methods: dict[str, Any] = {"Chat": chat}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("parley.v1.ConversationService", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ConversationServiceStub(channel)
    await server.stop(None)


async def ended(call: Any) -> tuple[list[Any], grpc.aio.AioRpcError]:
    """All that a call gave, and the status it ended with."""
    given = []
    try:
        async for response in call:
            given.append(response)  # noqa: PERF401  # what came before the error counts
    except grpc.aio.AioRpcError as error:
        return given, error
    pytest.fail("the call ended well")


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    status = rpc_status.from_call(error)
    assert status
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


async def test_an_unexpected_error_is_told_by_an_id_and_its_text_goes_to_the_log_alone(
    service: Service, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: wire.ChatRequest, context: Context) -> None:
        raise ValueError(SECRET)

    service.behaviour = fail

    _, error = await ended(stub.Chat(wire.ChatRequest(session_id="s-1", message="my words")))

    info = info_of(error)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "parley failed; the server's log has the cause under this error_id"
    assert (info.reason, info.metadata["applied"]) == ("INTERNAL", "unknown")
    assert "secret" not in str(error) + str(error.trailing_metadata())
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert info.metadata["error_id"] in record.getMessage()
    assert SECRET in caplog.text
    assert "my words" not in caplog.text


async def test_an_error_of_parley_after_the_first_events_ends_the_stream_with_its_status(
    service: Service, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_late(request: wire.ChatRequest, context: Context) -> None:
        await context.write(PIECE.SerializeToString())
        raise SessionNotFound("s-1")

    service.behaviour = fail_late
    caplog.set_level(logging.INFO)

    given, error = await ended(stub.Chat(wire.ChatRequest(session_id="s-1")))

    assert given == [PIECE]
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert info_of(error).reason == "SESSION_NOT_FOUND"
    (record,) = caplog.records
    assert (record.levelno, record.exc_info) == (logging.INFO, None)


async def test_the_log_names_why_a_model_failed_as_the_caller_is_told_it(
    service: Service, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: wire.ChatRequest, context: Context) -> None:
        raise ModelUnavailable(ModelFault.TIMEOUT)

    service.behaviour = fail
    caplog.set_level(logging.INFO)

    await ended(stub.Chat(wire.ChatRequest(session_id="s-1")))

    assert "{'fault': 'timeout'}" in caplog.records[0].getMessage()


async def test_a_name_that_a_caller_made_up_can_not_forge_a_line_of_the_log(
    service: Service, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: wire.ChatRequest, context: Context) -> None:
        raise SessionNotFound(request.session_id)

    service.behaviour = fail
    caplog.set_level(logging.INFO)

    await ended(stub.Chat(wire.ChatRequest(session_id="x\nERROR all is lost" + "y" * 1000)))

    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert "\n" not in message
    assert len(message) < 600


async def test_a_caller_who_leaves_is_no_news(service: Service, stub: Any, caplog: pytest.LogCaptureFixture) -> None:
    service.behaviour = service.hang
    caplog.set_level(logging.DEBUG, "parley_server")
    call = stub.Chat(wire.ChatRequest(session_id="s-1"))
    assert await call.read() == PIECE

    call.cancel()
    await service.left.wait()
    await until(lambda: bool(caplog.records))

    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert "left by its caller" in record.getMessage()


async def test_a_call_that_ends_well_is_a_line_for_those_who_look_closely(
    service: Service, stub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: wire.ChatRequest, context: Context) -> None:
        await context.write(PIECE.SerializeToString())

    service.behaviour = answer
    caplog.set_level(logging.DEBUG, "parley_server")

    assert [response async for response in stub.Chat(wire.ChatRequest(session_id="s-1"))] == [PIECE]

    assert [(record.levelno, record.getMessage().partition(",")[0]) for record in caplog.records] == [
        (logging.DEBUG, "Chat ok")
    ]
