"""How calls of a model go over HTTP: through the environment's proxy, over one connection, without memory of a page."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import pytest
from support.model_answers import Says
from support.model_exchange import Exchange, completion, encoded
from support.model_server import ModelServer
from support.models import KEY, REQUEST, pieces, provider
from support.waiting import until

from parley_server.models.openai import OpenAIProvider
from parley_server.models.secret import Secret


@dataclass(frozen=True, slots=True)
class Notes:
    """A server that notes where its callers are."""

    callers: list[object]
    may_end: asyncio.Event
    """Until then no body ends, though all is said that it has to say."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        self.callers.append(exchange.caller)
        await Says("Hello.").answer(exchange)
        await self.may_end.wait()


def address_of(server: ModelServer) -> str:
    """Its host and port."""
    return urlsplit(server.base_url).netloc


@dataclass(frozen=True, slots=True)
class SetsCookies:
    """A server that would know its callers again."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await exchange.answer(encoded(completion({"content": "Hello."})), 200, headers={"Set-Cookie": "who=you"})


@pytest.mark.parametrize(("variable", "scheme"), [("http_proxy", "http://"), ("http_proxy", ""), ("ALL_PROXY", "")])
async def test_a_call_goes_through_the_proxy_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    async with provider(Says("Hello.")) as (server, _):
        monkeypatch.setenv(variable, scheme + address_of(server))
        through = OpenAIProvider(model="m", key=Secret(KEY), base_url="http://model.example/v1")
        completion = await through.complete(REQUEST)
        await through.close()

        assert completion.text == "Hello."
        assert server.requests[0].headers["Host"] == "model.example"


@pytest.mark.parametrize("with_port", [False, True])
async def test_a_server_that_no_proxy_is_for_is_called_directly(
    monkeypatch: pytest.MonkeyPatch, with_port: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async with provider(Says("Hello.")) as (server, asked):
        monkeypatch.setenv("no_proxy", address_of(server) if with_port else "127.0.0.1")

        assert (await asked.complete(REQUEST)).text == "Hello."


async def test_no_cookie_is_sent_back() -> None:
    async with provider(SetsCookies()) as (server, _):
        # Cookies of an address that is a number are never kept.
        asked = OpenAIProvider(model="m", key=Secret(KEY), base_url=server.base_url.replace("127.0.0.1", "localhost"))
        await asked.complete(REQUEST)
        await asked.complete(REQUEST)
        await asked.close()

        assert [("Cookie" in request.headers) for request in server.requests] == [False, False]


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_that_follow_one_another_share_a_connection(stream: bool) -> None:
    callers: list[object] = []
    may_end = asyncio.Event()
    async with provider(Notes(callers, may_end)) as (server, asked), aiohttp.ClientSession() as other:
        for _ in range(3):
            may_end.clear()
            await (pieces(asked) if stream else asked.complete(REQUEST))
            may_end.set()
            await until(lambda: server.open == 0)
            # What the server sent before has come when the answer to this has.
            await other.get(server.base_url)

    assert len(callers) == 3
    assert len(set(callers)) == 1
