"""The provider on a real HTTP server: what it sends, what it takes for an answer, and what it does not."""

import asyncio
import logging
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import pytest
from support.model_answers import Says, TokenGate
from support.model_exchange import DONE, Behaviour, chunk, completion, encoded, event, failure
from support.model_faults import (
    CANARY,
    MIB,
    WRONG_CHUNKS,
    WRONG_SHAPES,
    Breaks,
    Ending,
    Html,
    Huge,
    NeverAnswers,
    NoHttp,
    Raw,
    Redirects,
    Sends,
    Status,
    Streams,
    WholeAlways,
)
from support.models import KEY, REQUEST, STRUCTURED, pieces, provider
from support.waiting import until

from parley_server.core.context import Usage
from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.models.openai import OpenAIProvider
from parley_server.models.protocol import Completion, Finish, FinishReason, ModelRequest
from parley_server.models.secret import Secret

DEEP = "[" * 50_000 + "]" * 50_000
ODD_COUNTS: list[object] = [
    None,
    "many",
    [],
    {},
    {"prompt_tokens": None, "completion_tokens": None},
    {"prompt_tokens": 7.5, "completion_tokens": 3},
    {"prompt_tokens": 7, "completion_tokens": -3},
    {"prompt_tokens": "7", "completion_tokens": "3"},
]
PINGS = [
    b"data:\n\n",
    b": ping\n\n",
    b"event: ping\ndata: {}\n\n",
    event({**chunk({}), "choices": []}),
    event({**chunk({}), "choices": [{"index": 0, "content_filter_results": {}}]}),
]


async def fault_of(asked: OpenAIProvider, request: ModelRequest, *, stream: bool) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        await (pieces(asked, request) if stream else asked.complete(request))
    return caught.value


async def test_a_whole_answer_has_its_text_and_its_use() -> None:
    async with provider(Says("Hello there.", usage=(7, 3))) as (_, asked):
        assert await asked.complete(REQUEST) == Completion("Hello there.", Finish(FinishReason.STOP, Usage(7, 3)))


async def test_a_stream_has_its_pieces_and_then_its_end() -> None:
    async with provider(Says(["Hel", "lo", " "], usage=(7, 3))) as (_, asked):
        *text, end = await pieces(asked)

    assert "".join(map(str, text)) == "Hello "
    assert end == Finish(FinishReason.STOP, Usage(7, 3))


@pytest.mark.parametrize("stream", [False, True])
async def test_only_what_the_protocol_knows_is_sent(stream: bool) -> None:
    # The server refuses what it does not know, and its context fails then.
    request = replace(REQUEST, model="other", max_tokens=9, temperature=0.5)
    async with provider(Says("Hello.")) as (server, asked):
        await (pieces(asked, request) if stream else asked.complete(request))

        sent = server.requests[0]
        assert sent.headers["Authorization"] == f"Bearer {KEY}"
        assert sent.body == {
            "model": "other",
            "messages": [{"role": "system", "content": "Say hello."}, {"role": "user", "content": "hi"}],
            "max_completion_tokens": 9,
            "temperature": 0.5,
            **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}),
        }


async def test_an_answer_is_bound_to_its_schema_or_to_any_json() -> None:
    async with provider(Says("{}")) as (server, asked):
        await asked.complete(STRUCTURED)
        assert server.requests[0].format == "json_schema"
        assert server.requests[0].body["response_format"]["json_schema"]["strict"] is True
    async with provider(Says("{}"), strict=False) as (server, asked):
        await asked.complete(STRUCTURED)
        assert server.requests[0].body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (Status(500), ModelFault.SERVER_ERROR),
        (Status(503, retry_after=7), ModelFault.SERVER_ERROR),
        (Status(401), ModelFault.REJECTED),
        (Status(404), ModelFault.REJECTED),
        (Status(400), ModelFault.UNFIT),
        (Status(413), ModelFault.UNFIT),
        (Status(422), ModelFault.UNFIT),
        (Status(429), ModelFault.RATE_LIMITED),
        (Redirects("http://127.0.0.1:9/"), ModelFault.REJECTED),
        (Html(), ModelFault.GARBLED),
        (NoHttp(), ModelFault.GARBLED),
        (NoHttp(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n".encode()), ModelFault.GARBLED),
        (NoHttp(f"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{CANARY}".encode()), ModelFault.GARBLED),
        (Says(None), ModelFault.EMPTY),
        (Says(""), ModelFault.EMPTY),
        (Says("", finish_reason="length"), ModelFault.EMPTY),
        (Says("Hello.", finish_reason=None), ModelFault.GARBLED),
        (Says("Hello.", finish_reason="tool_calls"), ModelFault.GARBLED),
        (Says("Hello.", finish_reason="content_filter"), ModelFault.REFUSED),
        (Says(f"No, {CANARY}.", refused=True), ModelFault.REFUSED),
        (Breaks(Ending.CUT), ModelFault.GARBLED),
        (Breaks(Ending.RESET), ModelFault.UNREACHABLE),
        (Breaks(Ending.RESET, tokens=()), ModelFault.UNREACHABLE),
        (Huge(token=8 * MIB), ModelFault.GARBLED),
        (Huge(size=32 * MIB, token=8 * MIB, compressed=True), ModelFault.GARBLED),
    ],
    ids=repr,
)
async def test_what_is_no_answer_is_a_fault_of_its_kind_and_says_nothing_of_it(
    behaviour: Behaviour, fault: ModelFault, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with provider(behaviour) as (server, asked):
        error = await fault_of(asked, REQUEST, stream=stream)

        assert error.fault is fault
        assert CANARY not in f"{error!r} {error.message} {error.details}"
        assert server.calls == 1
        assert server.requests[0].written < 10 * MIB
        await until(lambda: server.open == 0)
    assert CANARY not in caplog.text
    assert KEY not in caplog.text


async def test_who_runs_the_server_is_told_with_which_status_the_models_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with provider(Status(404)) as (_, asked):
        await fault_of(asked, REQUEST, stream=False)

    assert "the model's server answered with status 404" in caplog.text


@pytest.mark.parametrize("shape", WRONG_SHAPES)
async def test_a_whole_answer_of_another_shape_is_garbled(shape: str) -> None:
    async with provider(WRONG_SHAPES[shape]) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=False)).fault is ModelFault.GARBLED


@pytest.mark.parametrize("shape", WRONG_CHUNKS)
async def test_a_stream_of_another_shape_is_garbled(shape: str) -> None:
    async with provider(WRONG_CHUNKS[shape]) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=True)).fault is ModelFault.GARBLED


async def test_a_whole_answer_where_a_stream_was_asked_for_is_garbled() -> None:
    async with provider(WholeAlways("Hello.")) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=True)).fault is ModelFault.GARBLED


@pytest.mark.parametrize("ending", [Ending.ERROR, Ending.CUT, Ending.RESET])
async def test_a_stream_that_breaks_off_hands_out_what_came_before(ending: Ending) -> None:
    came: list[object] = []
    gate = TokenGate()
    gate.release()

    async def read(asked: OpenAIProvider) -> None:
        async for piece in asked.stream(REQUEST):
            came.append(piece)
            gate.release()

    async with provider(Breaks(ending, gate=gate)) as (_, asked):
        with pytest.raises(ModelUnavailable):
            await read(asked)
    assert came == ["Hel", "lo"]


async def test_a_body_that_says_that_it_is_too_long_is_garbled() -> None:
    async with provider(Huge(size=2 * MIB, declared=True)) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=False)).fault is ModelFault.GARBLED


async def test_a_stream_of_more_than_any_model_writes_is_garbled() -> None:
    async with provider(Huge(size=20 * MIB, token=32 * 1024)) as (server, asked):
        assert (await fault_of(asked, REQUEST, stream=True)).fault is ModelFault.GARBLED
        assert server.requests[0].written < 20 * MIB


@pytest.mark.parametrize("stream", [False, True])
async def test_nesting_without_end_is_garbled(stream: bool) -> None:
    body = '{"choices": [], "usage": null, "x": ' + DEEP + "}"
    async with provider(Raw(body.encode())) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=stream)).fault is ModelFault.GARBLED


@pytest.mark.parametrize("stream", [False, True])
async def test_half_a_character_is_garbled(stream: bool) -> None:
    half = {"content": "\ud83d"}
    behaviour = Sends(chunk(half, finish_reason="stop") if stream else completion(half))
    async with provider(behaviour) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=stream)).fault is ModelFault.GARBLED


@pytest.mark.parametrize(
    ("count", "expected"),
    [((0, 0), Usage(0, 0)), ((10**30, 2), Usage(10_000_000, 2)), (None, None)],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_server_counts_is_kept_within_reason(count: Any, expected: Usage | None, stream: bool) -> None:
    async with provider(Says("Hello.", usage=count)) as (_, asked):
        finish = (await pieces(asked))[-1] if stream else (await asked.complete(REQUEST)).finish
    assert isinstance(finish, Finish)
    assert finish.usage == expected


@pytest.mark.parametrize("odd", ODD_COUNTS, ids=repr)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_count_that_makes_no_sense_is_none_and_the_text_stands(odd: object, stream: bool) -> None:
    good = chunk({"content": "Hello."}, finish_reason="stop") if stream else completion({"content": "Hello."})
    async with provider(Sends({**good, "usage": odd})) as (_, asked):
        if stream:
            assert await pieces(asked) == ["Hello.", Finish(FinishReason.STOP, None)]
        else:
            assert await asked.complete(REQUEST) == Completion("Hello.", Finish(FinishReason.STOP, None))


@pytest.mark.parametrize("ping", PINGS)
async def test_an_event_that_says_nothing_does_no_harm(ping: bytes) -> None:
    parts = [event(chunk({"content": "Hel"})), event(chunk({"content": "lo."}, finish_reason="stop")), DONE]
    async with provider(Streams(ping + ping.join(parts))) as (_, asked):
        *text, end = await pieces(asked)

    assert "".join(map(str, text)) == "Hello."
    assert end == Finish(FinishReason.STOP, None)


@pytest.mark.parametrize(
    "rest", [event(failure(CANARY)), b"data: {nonsense\n\n", b"<html>\n", b"data: " + b"x" * MIB, b"data: {", b""]
)
async def test_what_goes_wrong_after_the_end_of_an_answer_takes_nothing_from_it(rest: bytes) -> None:
    good = event(chunk({"content": "Hello."})) + event(chunk({}, finish_reason="stop"))
    async with provider(Streams(good + rest)) as (server, asked):
        assert await pieces(asked) == ["Hello.", Finish(FinishReason.STOP, None)]
        await until(lambda: server.open == 0)


@pytest.mark.parametrize("refusal", [chunk({"refusal": "No."}), chunk({}, finish_reason="content_filter")])
async def test_an_answer_that_is_taken_back_after_its_end_is_refused(refusal: Any) -> None:
    good = chunk({"content": "Hello."}, finish_reason="stop")
    async with provider(Streams(event(good) + event(refusal) + DONE)) as (_, asked):
        assert (await fault_of(asked, REQUEST, stream=True)).fault is ModelFault.REFUSED


@pytest.mark.parametrize("stream", [False, True])
async def test_of_several_choices_the_first_alone_is_taken(stream: bool) -> None:
    def said(text: str, index: int) -> Any:
        part = chunk({"content": text}, finish_reason="stop") if stream else completion({"content": text})
        return {**part, "choices": [{**part["choices"][0], "index": index}]}

    whole = said("Goodbye.", 1)
    behaviour: Behaviour = Sends({**whole, "choices": whole["choices"] + said("Hello.", 0)["choices"]})
    if stream:
        behaviour = Streams(event(said("Good", 1)) + event(said("Hello.", 0)) + event(said("bye.", 1)) + DONE)
    async with provider(behaviour) as (_, asked):
        text = (await pieces(asked))[0] if stream else (await asked.complete(REQUEST)).text

    assert text == "Hello."


@pytest.mark.parametrize(
    "bad",
    [
        event(failure(CANARY)),
        event({**chunk({"content": ""}), **failure(CANARY)}),
        event({**chunk({}), "choices": [], **failure(CANARY)}),
        event(chunk({}, finish_reason="error")),
        b"data: {nonsense\n\n",
        encoded(failure(CANARY)) + b"\n",
        b"error: " + encoded(failure(CANARY)) + b"\n",
    ],
)
async def test_what_is_wrong_in_the_midst_fails_the_stream_though_it_is_held_open(bad: bytes) -> None:
    async with provider(Streams(event(chunk({"content": "Hel"})) + bad, holds=True)) as (server, asked):
        # Nothing here bounds the silence: the fault itself must end the stream.
        assert (await fault_of(asked, REQUEST, stream=True)).fault is ModelFault.GARBLED
        await until(lambda: server.open == 0)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, 1), (3, 3), (0.5, 0.5), (-4, 0), (100_000, 120), ("nan", None), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
async def test_a_rate_limit_says_how_long_to_wait(given: Any, seconds: float | None) -> None:
    async with provider(Status(429, retry_after=given)) as (_, asked):
        error = await fault_of(asked, REQUEST, stream=False)
    assert error.retry_after is not None
    assert 0 <= error.retry_after.total_seconds() <= 120
    assert seconds is None or error.retry_after.total_seconds() == seconds


async def test_nobody_at_the_address_is_unreachable() -> None:
    async with provider() as (server, _):
        address = server.base_url
    asked = OpenAIProvider(model="m", key=Secret(KEY), base_url=address)
    assert (await fault_of(asked, REQUEST, stream=False)).fault is ModelFault.UNREACHABLE
    await asked.close()


async def test_a_stream_that_is_left_gives_its_connection_up() -> None:
    gate = TokenGate()
    async with provider(Says("one two three", gate=gate)) as (server, asked):
        gate.release()
        async with aclosing(asked.stream(REQUEST)) as stream:
            assert await anext(stream) == "one"
            assert server.open == 1
        await until(lambda: server.open == 0)
        assert gate.sent == 1


async def test_calls_that_are_cancelled_give_their_connections_up() -> None:
    async with provider(NeverAnswers()) as (server, asked):
        asking = [asyncio.create_task(asked.complete(REQUEST)) for _ in range(20)]
        await until(lambda: server.open == 20)
        for task in asking:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await until(lambda: server.open == 0)

        server.script(Says("Hello."))
        assert (await asked.complete(REQUEST)).text == "Hello."


def test_the_key_is_not_shown() -> None:
    asked = OpenAIProvider(model="m", key=Secret(KEY), base_url="http://127.0.0.1:9/v1")

    assert KEY not in repr(asked)
    assert KEY not in repr(vars(asked))
