"""Callers who stop reading: they are waited for no longer than is promised, and told so when they read on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.model_answers import Says, TokenGate
from support.model_talks import PLAN_B, talking
from support.servers import definition, serving
from support.waiting import until

import parley
from parley.errors import error_of
from parley.v1.conversation_pb2 import ChatRequest, GetSessionRequest
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

SMALL, TINY = 4096, 1
"""Bytes that a caller lets come before it reads: the first message of these calls has some hundred."""
LONG = """
assistant: long
flows: {main: {states: {hello: {say: "{{ 'x' * 15000 }}", on: [{when: always, to: hello}]}}}}
"""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley_server.rpc.servicer._WRITE_TIME", timedelta(seconds=0.05))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "parley_server.rpc.boundary")
    return caplog


@asynccontextmanager
async def slow_reader(port: int, window: int) -> AsyncIterator[ConversationServiceStub]:
    options = [("grpc.http2.lookahead_bytes", window), ("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield ConversationServiceStub(channel)


async def read_on(call: Any) -> tuple[list[Any], parley.ParleyError | None]:
    """What a caller reads after all, and the error at its end."""
    messages: list[Any] = []
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            messages.append(message)
    except grpc.RpcError as error:
        return messages, error_of(error)
    return messages, None


def is_stalled(error: parley.ParleyError | None) -> bool:
    assert error is not None
    told = (error.status, error.reason, error.applied)
    return told == (grpc.StatusCode.RESOURCE_EXHAUSTED, parley.Reason.CALLER_STALLED, "unknown")


@pytest.mark.parametrize(("window", "messages"), [(SMALL, 2), (TINY, 1)])
async def test_a_history_that_is_not_read_is_given_up(
    tmp_path: Path, log: pytest.LogCaptureFixture, window: int, messages: int
) -> None:
    async with serving(assistant=(definition(tmp_path, LONG),)) as (server, client):
        await client.say("hello", session_id="s")
        async with slow_reader(server.port, window) as stub:
            call = stub.GetSession(GetSessionRequest(session_id="s", include_history=True))
            await until(lambda: "CallerStalled" in log.text)
            read, error = await read_on(call)

    assert is_stalled(error)
    assert len(read) == messages
    assert "Traceback" not in log.text


@pytest.mark.parametrize("window", [SMALL, TINY])
async def test_a_reply_that_is_not_read_while_a_model_writes_it_is_given_up_and_can_be_had_again(
    tmp_path: Path, log: pytest.LogCaptureFixture, window: int
) -> None:
    gate = TokenGate()
    gate.release()
    async with talking(tmp_path, Says(["x" * 2 * SMALL, "y"], gate=gate)) as talk:
        await talk.say("hello")
        async with slow_reader(talk.server.port, window) as stub:
            call = stub.Chat(ChatRequest(session_id="s", message=PLAN_B, request_id="r"))
            await until(lambda: "CallerStalled" in log.text)
            await until(lambda: talk.model.open == 0)
            _, error = await read_on(call)
            assert is_stalled(error)

        assert len(await talk.turns()) == 1
        gate.open()
        assert (await talk.client.say(PLAN_B, session_id="s", request_id="r")).reply == "x" * 2 * SMALL + "y"
    assert "Traceback" not in log.text


async def test_the_end_of_a_reply_waits_for_its_reader_and_keeps_nothing_busy(tmp_path: Path) -> None:
    long = definition(tmp_path, LONG)
    async with serving(assistant=(long,)) as (server, client), slow_reader(server.port, TINY) as stub:
        call: Any = stub.Chat(ChatRequest(session_id="s", message="hello", request_id="r"))
        await call.initial_metadata()  # It comes with the reply, which it is too early to read.
        replayed = await client.say("hello", session_id="s", request_id="r")
        await until(lambda: not len(server.turns))
        read, error = await read_on(call)

    assert replayed.replayed
    assert error is None
    assert read[-1].events[-1].turn_completed.reply == replayed.reply == "x" * 15_000
