import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI, DefaultAioHttpClient
from openai.types.chat import ChatCompletionUserMessageParam
from support.model_answers import ByPurpose, Chosen, Late, Says, TokenGate, echo, echo_of_system_prompt, says_json
from support.model_exchange import Behaviour
from support.model_server import ModelServer
from support.waiting import until

USER: ChatCompletionUserMessageParam = {"role": "user", "content": "Two soups, as JSON."}


@asynccontextmanager
async def client(server: ModelServer) -> AsyncIterator[AsyncOpenAI]:
    async with (
        DefaultAioHttpClient() as http,
        AsyncOpenAI(api_key="a key", base_url=server.base_url, max_retries=0, http_client=http) as model,
    ):
        yield model


async def test_a_whole_answer_is_read_by_the_official_client() -> None:
    async with ModelServer.running(Says("Hello there.", usage=(7, 3))) as server, client(server) as model:
        answer = await model.chat.completions.create(model="m", messages=[USER])

    assert answer.choices[0].message.content == "Hello there."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 3, 10)
    assert server.calls == 1
    assert server.requests[0].body["messages"] == [USER]
    assert server.requests[0].headers["authorization"] == "Bearer a key"


async def streamed(says: Says, **options: Any) -> tuple[list[str], list[Any]]:
    """The texts of a stream, and all its chunks."""
    async with ModelServer.running(says) as server, client(server) as model:
        stream = await model.chat.completions.create(model="m", messages=[USER], stream=True, **options)
        chunks = [chunk async for chunk in stream]
    return [text for chunk in chunks for choice in chunk.choices if (text := choice.delta.content)], chunks


async def test_a_stream_gives_a_text_by_words_and_the_usage_last() -> None:
    texts, chunks = await streamed(Says("Hello over there. "), stream_options={"include_usage": True})

    assert texts == ["Hello", " over", " there.", " "]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 25


async def test_a_stream_gives_no_usage_that_nobody_asked_for() -> None:
    texts, chunks = await streamed(Says(["He", "llo"]))

    assert texts == ["He", "llo"]
    assert [chunk.usage for chunk in chunks] == [None] * 4


async def test_an_answer_may_lack_its_parts() -> None:
    texts, chunks = await streamed(Says("Hello", finish_reason=None, done=False))
    assert texts == ["Hello"]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices] == [None, None]

    texts, chunks = await streamed(Says(None, finish_reason="content_filter"))
    assert texts == []
    assert chunks[-1].choices[0].finish_reason == "content_filter"

    _, chunks = await streamed(Says("I will not.", refused=True))
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks) == "I will not."


async def test_a_token_waits_for_its_gate() -> None:
    gate = TokenGate()
    async with ModelServer.running(Says(["one", "two", "three"], gate=gate)) as server, client(server) as model:
        stream = await model.chat.completions.create(model="m", messages=[USER], stream=True)
        texts = (choice.delta.content async for chunk in stream for choice in chunk.choices if choice.delta.content)

        gate.release()
        assert await anext(texts) == "one"
        assert (gate.sent, server.open) == (1, 1)

        gate.open()
        assert [text async for text in texts] == ["two", "three"]
        await until(lambda: server.open == 0)
    assert gate.sent == 3


async def test_a_call_that_its_caller_leaves_is_no_longer_open() -> None:
    gate = TokenGate()
    async with ModelServer.running(Says(["one", "two"], gate=gate)) as server, client(server) as model:
        stream = await model.chat.completions.create(model="m", messages=[USER], stream=True)
        assert server.open == 1

        await stream.close()

        await until(lambda: server.open == 0)
    assert gate.sent == 0


async def test_behaviours_are_used_up_and_the_last_is_repeated() -> None:
    async with ModelServer.running(Says("one"), Says("two")) as server, client(server) as model:

        async def said() -> str | None:
            return (await model.chat.completions.create(model="m", messages=[USER])).choices[0].message.content

        assert [await said() for _ in range(3)] == ["one", "two", "two"]
        server.script(Late(Says("three"), seconds=0.01))
        assert await said() == "three"
        server.script()
        assert await said() == "Hello."
    assert (server.calls, server.open, server.most_open) == (5, 0, 1)


async def test_an_answer_may_depend_on_what_is_asked() -> None:
    understands = says_json({"count": 2})
    behaviour = ByPurpose(understanding=understands, replies=Chosen(echo))
    async with ModelServer.running(behaviour) as server, client(server) as model:
        reply = await model.chat.completions.create(model="m", messages=[USER])
        understood = await model.chat.completions.create(
            model="m", messages=[USER], response_format={"type": "json_object"}
        )

    assert reply.choices[0].message.content == USER["content"]
    assert json.loads(understood.choices[0].message.content or "") == {"count": 2}


async def test_the_system_prompt_comes_back_in_every_form() -> None:
    schema = {
        "type": "object",
        "properties": {"dish": {"type": "string"}},
        "required": ["dish"],
        "additionalProperties": False,
    }
    async with ModelServer.running(Chosen(echo_of_system_prompt)) as server, client(server) as model:
        reply = await model.chat.completions.create(model="m", messages=[{"role": "system", "content": "Hush."}, USER])
        understood = await model.chat.completions.create(
            model="m",
            messages=[{"role": "system", "content": "Hush."}, USER],
            response_format={"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}},
        )

    assert reply.choices[0].message.content == "Hush."
    assert json.loads(understood.choices[0].message.content or "") == {"dish": "Hush."}


async def refused(behaviour: Behaviour, **fields: object) -> None:
    """A call that the server refuses to the client; the server is then closed."""
    async with ModelServer.running(behaviour) as server, client(server) as model:
        with pytest.raises(APIStatusError):
            await model.chat.completions.create(model="m", messages=[USER], extra_body=fields)


async def test_a_request_that_no_server_takes_is_refused_and_fails_the_test() -> None:
    with pytest.raises(ExceptionGroup) as failed:
        await refused(Says("Hello."), session="s")

    assert "session: unknown" in str(failed.value.exceptions[0])


async def test_a_behaviour_that_raises_fails_the_test() -> None:
    with pytest.raises(ExceptionGroup) as failed:
        await refused(Chosen(lambda body: Says(body["absent"])))

    assert isinstance(failed.value.exceptions[0], KeyError)
