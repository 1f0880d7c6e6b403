"""What callers get wrong: the right status and reason, the field by its name, one line in the log, and no trace."""

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from support.servers import at_noon, serving

import parley
from parley.v1 import conversation_pb2 as wire
from parley.v1.session_pb2 import SlotValue
from parley_server.app import Running


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with serving(clock=at_noon) as (server, _):
        yield server


@pytest.fixture
async def channel(server: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


async def chat(channel: grpc.aio.Channel, request: bytes | wire.ChatRequest) -> list[wire.ChatEvent]:
    """Sends a turn as bytes, as a caller in any language might."""
    call: grpc.aio.UnaryStreamMultiCallable[bytes, wire.ChatResponse] = channel.unary_stream(
        "/parley.v1.ConversationService/Chat", None, wire.ChatResponse.FromString
    )
    data = request if isinstance(request, bytes) else request.SerializeToString()
    return [event async for response in call(data) for event in response.events]


async def refusal(
    channel: grpc.aio.Channel, request: bytes | wire.ChatRequest
) -> tuple[grpc.StatusCode, str, Mapping[str, str], list[str]]:
    """The status, the reason, what it says of itself, and the fields that a refused turn names."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await chat(channel, request)
    status = rpc_status.from_call(caught.value)
    assert status
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    assert info.domain == "parley.v1"
    assert all(violation.description for violation in bad.field_violations)
    return caught.value.code(), info.reason, dict(info.metadata), [v.field for v in bad.field_violations]


def request(**fields: Any) -> wire.ChatRequest:
    return wire.ChatRequest(**{"session_id": "s-1", "message": "hi", **fields})


@pytest.mark.parametrize(
    ("bad", "fields"),
    [
        (request(message=""), ["message"]),
        (request(message=" \n"), ["message"]),
        (request(message="x" * (16 * 1024 + 1)), ["message"]),
        (request(message="ä" * (8 * 1024 + 1)), ["message"]),
        (request(session_id="a b"), ["session_id"]),
        (request(session_id="../../etc/passwd"), ["session_id"]),
        (request(session_id="x" * 129), ["session_id"]),
        (request(session_id="é"), ["session_id"]),
        (request(request_id="a b"), ["request_id"]),
        (request(user_id="u" * 257), ["user_id"]),
        (request(assistant="nobody"), ["assistant"]),
        (request(locale="not a locale"), ["locale"]),
        (request(time_zone="Mars/Olympus"), ["time_zone"]),
        (request(time_zone="../../etc/passwd"), ["time_zone"]),
        (request(expected_turn_count=-1), ["expected_turn_count"]),
        (request(metadata={"big": "x" * 40_000}), ["metadata"]),
        (request(metadata={"n": float("inf")}), ["metadata"]),
        (request(slots={"date": SlotValue(string_value="tomorrow")}), ["slots.date"]),
        (request(slots={"date": SlotValue(date_value="2026-02-30")}), ["slots.date"]),
        (request(slots={"date": SlotValue(date_value="2026-03-01")}), ["slots.date"]),
        (request(slots={"time": SlotValue(time_value="25:00")}), ["slots.time"]),
        (request(slots={"service": SlotValue(string_value="plumbing")}), ["slots.service"]),
        (request(slots={"email": SlotValue(string_value="nobody")}), ["slots.email"]),
        (request(slots={"name": SlotValue(integer_value=3)}), ["slots.name"]),
        (request(slots={"name": SlotValue()}), ["slots.name"]),
        (request(slots={"nope": SlotValue(bool_value=True)}), ["slots.nope"]),
        (request(message="", session_id="a b", locale="?"), ["session_id", "message", "locale"]),
    ],
    ids=lambda value: None if isinstance(value, wire.ChatRequest) else "+".join(value),
)
async def test_a_bad_field_is_named_and_nothing_is_saved(
    channel: grpc.aio.Channel, bad: wire.ChatRequest, fields: list[str]
) -> None:
    code, reason, metadata, named = await refusal(channel, bad)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in ("INVALID_REQUEST", "UNKNOWN_ASSISTANT")
    assert (metadata["applied"], named) == ("no", fields)
    first = (await chat(channel, request()))[0]
    assert first.turn_started == wire.TurnStarted(session_id="s-1", turn=1, created=True)


@pytest.mark.parametrize("data", [b"\x12\x02\xff\xfe", b"\xff\xff\xff", b"\x12\x7fhi"], ids=["utf-8", "tag", "cut"])
async def test_what_is_no_message_is_refused_as_such(channel: grpc.aio.Channel, data: bytes) -> None:
    code, reason, metadata, _ = await refusal(channel, data)

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
    assert metadata["applied"] == "no"


async def test_a_refusal_is_one_line_of_the_log_without_what_was_said(
    channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await refusal(channel, request(message="my secret", slots={"nope": SlotValue(string_value="another secret")}))

    assert len(caplog.records) == 1
    assert "Chat refused: INVALID_ARGUMENT" in caplog.text
    assert "secret" not in caplog.text
    assert caplog.records[0].exc_info is None


async def test_another_users_session_is_refused_and_left_as_it_is(channel: grpc.aio.Channel) -> None:
    await chat(channel, request(user_id="ada"))

    code, reason, metadata, _ = await refusal(channel, request(user_id="bob"))

    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "USER_MISMATCH")
    assert metadata == {"applied": "no", "session_id": "s-1"}
    last = (await chat(channel, request(message="support")))[-1].turn_completed.session
    assert (last.user_id, last.turn_count) == ("ada", 2)


async def test_a_refusal_fits_into_the_trailers_however_much_was_wrong(channel: grpc.aio.Channel) -> None:
    slots = {f"{'x' * 500}{number}": SlotValue(bool_value=True) for number in range(200)}

    code, _, _, named = await refusal(channel, request(slots=slots))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(named) == 8


async def test_a_caller_may_give_slots_that_are_brought_into_form(server: Running) -> None:
    async with parley.AsyncClient(f"127.0.0.1:{server.port}") as client:
        known: dict[str, parley.SlotValue] = {"service": "Sales", "email": "Ada@Example.org", "date": date(2026, 3, 9)}
        reply = await client.say("hi", session_id="s-2", slots=known)

    assert reply.session.slots == {"service": "sales", "email": "ada@example.org", "date": date(2026, 3, 9)}
    assert reply.session.missing_slots == ("time", "name")
