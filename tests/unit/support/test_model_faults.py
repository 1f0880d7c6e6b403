import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from support.model_answers import Says, TokenGate, says_json
from support.model_exchange import Behaviour
from support.model_faults import (
    CANARY,
    MIB,
    WRONG_CHUNKS,
    WRONG_SHAPES,
    Breaks,
    Drips,
    Ending,
    Failing,
    Filler,
    Html,
    Huge,
    NeverAnswers,
    Redirects,
    Sends,
    Status,
    WholeAlways,
    WithoutSchemas,
)
from support.model_server import ModelServer
from support.waiting import until

WHOLE: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}
STREAM = {**WHOLE, "stream": True}
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
STRUCTURED = {
    **WHOLE,
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}},
}


@asynccontextmanager
async def asking(
    behaviour: Behaviour, body: dict[str, Any]
) -> AsyncIterator[tuple[ModelServer, aiohttp.ClientResponse]]:
    """The answer of a server that behaves so, once its headers are there."""
    async with (
        ModelServer.running(behaviour) as server,
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(f"{server.base_url}/chat/completions", json=body, allow_redirects=False) as response,
    ):
        yield server, response


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_a_status_has_its_headers_and_an_error_for_a_body(body: dict[str, Any]) -> None:
    async with asking(Status(429, retry_after=3), body) as (_, response):
        assert response.status == 429
        assert response.headers["Retry-After"] == "3"
        assert CANARY in (await response.json())["error"]["message"]

    async with asking(Status(500), body) as (_, response):
        assert response.status == 500
        assert "Retry-After" not in response.headers


async def test_a_redirect_names_another_place() -> None:
    async with asking(Redirects("http://127.0.0.1:9/"), WHOLE) as (_, response):
        assert (response.status, response.headers["Location"]) == (307, "http://127.0.0.1:9/")


async def test_html_comes_with_success() -> None:
    async with asking(Html(), STREAM) as (_, response):
        assert (response.status, response.content_type) == (200, "text/html")
        assert CANARY in await response.text()


@pytest.mark.parametrize(("shape", "sends"), WRONG_SHAPES.items())
async def test_a_wrong_shape_is_json_with_success(shape: str, sends: Sends) -> None:
    async with asking(sends, WHOLE) as (_, response):
        assert response.status == 200
        assert await response.json() == sends.payload


@pytest.mark.parametrize(("shape", "sends"), WRONG_CHUNKS.items())
async def test_a_wrong_chunk_is_the_only_event_of_its_stream(shape: str, sends: Sends) -> None:
    async with asking(sends, STREAM) as (_, response):
        event, done = (await response.text()).removesuffix("\n\n").split("\n\n")

    assert json.loads(event.removeprefix("data: ")) == sends.payload
    assert done == "data: [DONE]"


async def test_a_server_may_answer_whole_what_was_to_be_streamed() -> None:
    async with asking(WholeAlways("Hello."), STREAM) as (_, response):
        assert (await response.json())["choices"][0]["message"]["content"] == "Hello."


async def test_a_server_may_know_json_and_no_schemas() -> None:
    behaviour = WithoutSchemas(says_json({"a": 1}))
    async with asking(behaviour, STRUCTURED) as (_, response):
        assert response.status == 400
    async with asking(behaviour, WHOLE) as (_, response):
        assert response.status == 200


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_a_cut_answer_ends_well_and_is_no_json(body: dict[str, Any]) -> None:
    async with asking(Breaks(Ending.CUT), body) as (_, response):
        last = (await response.text()).split("\n\n")[-1]

    with pytest.raises(json.JSONDecodeError):
        json.loads(last.removeprefix("data: "))


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_an_answer_breaks_off_with_an_error_in_it(body: dict[str, Any]) -> None:
    async with asking(Breaks(Ending.ERROR), body) as (_, response):
        text = await response.text()

    assert "[DONE]" not in text
    assert text.endswith("}\n\n")
    assert f'data: {{"error": {{"message": "{CANARY}"' in text


async def test_a_connection_breaks_in_a_stream_when_the_test_wants_it() -> None:
    gate = TokenGate()
    async with asking(Breaks(Ending.RESET, tokens=["one", "two"], gate=gate), STREAM) as (server, response):
        gate.release(2)
        await response.content.readuntil(b"two")
        assert server.open == 1

        gate.release()
        with pytest.raises(aiohttp.ClientError):
            await response.content.read()
        await until(lambda: server.open == 0)


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_a_connection_breaks_in_the_body(body: dict[str, Any]) -> None:
    async with asking(Breaks(Ending.RESET), body) as (_, response):
        assert response.status == 200

        with pytest.raises(aiohttp.ClientError):
            await response.content.read()


async def test_a_connection_breaks_before_the_status() -> None:
    with pytest.raises(aiohttp.ClientError):
        async with asking(Breaks(Ending.RESET, tokens=()), WHOLE):
            pytest.fail("there is no answer")


async def test_a_call_that_is_never_answered_is_open_until_its_caller_leaves() -> None:
    async with ModelServer.running(NeverAnswers()) as server, aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.post(
                f"{server.base_url}/chat/completions", json=WHOLE, timeout=aiohttp.ClientTimeout(total=0.05)
            )

        await until(lambda: server.open == 0)
        assert server.calls == 1


async def test_a_server_closes_although_a_call_is_open() -> None:
    async def ask(session: aiohttp.ClientSession, url: str) -> None:
        await session.post(url, json=WHOLE)

    async with aiohttp.ClientSession() as session:
        async with ModelServer.running(NeverAnswers()) as server:
            asked = asyncio.create_task(ask(session, f"{server.base_url}/chat/completions"))
            await until(lambda: server.open == 1)
        assert server.open == 0

        with pytest.raises(aiohttp.ClientError):
            await asked


async def test_a_body_that_is_no_json_is_refused_and_fails_the_test() -> None:
    async def ask() -> None:
        async with (
            ModelServer.running() as server,
            aiohttp.ClientSession() as session,
            session.post(f"{server.base_url}/chat/completions", data=b"{") as response,
        ):
            assert response.status == 400

    with pytest.raises(ExceptionGroup) as failed:
        await ask()

    assert "the body is no object" in str(failed.value.exceptions[0])


@pytest.mark.parametrize("filler", Filler)
async def test_a_drip_goes_on_until_the_caller_leaves_and_has_no_content(filler: Filler) -> None:
    async with asking(Drips(filler, every=0.001), STREAM) as (server, response):
        read = await response.content.readexactly(3 * len(filler.value))
        response.close()
        await until(lambda: server.open == 0)

    assert read == 3 * filler.value
    assert b'"content": "' not in read.replace(b'"content": ""', b"")
    assert b"data: [DONE]" not in read


async def test_a_whole_answer_drips_blanks() -> None:
    async with asking(Drips(Filler.COMMENT, every=0.001), WHOLE) as (_, response):
        assert await response.content.readexactly(3) == b"   "


@pytest.mark.parametrize("declared", [True, False])
async def test_a_huge_answer_is_valid(declared: bool) -> None:
    async with asking(Huge(size=2 * MIB, declared=declared), WHOLE) as (_, response):
        assert (response.content_length is not None) is declared
        content = (await response.json())["choices"][0]["message"]["content"]

    assert content == "x" * 2 * MIB


async def test_a_huge_answer_may_be_small_on_the_wire() -> None:
    async with asking(Huge(size=20 * MIB, compressed=True), WHOLE) as (_, response):
        assert response.headers["Content-Encoding"] == "gzip"
        data = await response.read()

    assert len(data) < MIB
    assert len(json.loads(gzip.decompress(data))["choices"][0]["message"]["content"]) == 20 * MIB


async def test_the_server_knows_how_much_of_a_huge_stream_it_wrote_before_the_caller_left() -> None:
    async with asking(Huge(token=1024), STREAM) as (server, response):
        await response.content.readexactly(MIB)
        response.close()
        await until(lambda: server.open == 0)

    assert MIB <= server.requests[0].written < 100 * MIB


async def test_the_share_of_calls_that_fail_is_the_same_in_each_run() -> None:
    async def statuses(seed: int) -> list[int]:
        failing = Failing(0.3, seed=seed, otherwise=Says("Hi."))
        found = []
        async with ModelServer.running(failing) as server, aiohttp.ClientSession() as session:
            for _ in range(100):
                async with session.post(f"{server.base_url}/chat/completions", json=WHOLE) as response:
                    found.append(response.status)
        assert failing.failed == found.count(500)
        return found

    first = await statuses(1)

    assert 20 <= first.count(500) <= 40
    assert first.count(200) == 100 - first.count(500)
    assert await statuses(1) == first
    assert await statuses(2) != first
