"""How calls of a model go over HTTP: through the environment's proxy, over one connection, without memory of a page."""

from dataclasses import dataclass

import pytest
from support.model_answers import Says
from support.model_exchange import Exchange, completion, encoded
from support.models import KEY, REQUEST, provider

from parley_server.models.openai import OpenAIProvider
from parley_server.models.secret import Secret


@dataclass(frozen=True, slots=True)
class SetsCookies:
    """A server that would know its callers again."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await exchange.answer(encoded(completion({"content": "Hello."})), 200, headers={"Set-Cookie": "who=you"})


async def test_a_call_goes_through_the_proxy_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(Says("Hello.")) as (server, _):
        monkeypatch.setenv("http_proxy", server.base_url.removesuffix("/v1"))
        through = OpenAIProvider(model="m", key=Secret(KEY), base_url="http://model.example/v1")
        completion = await through.complete(REQUEST)
        await through.close()

        assert completion.text == "Hello."
        assert server.requests[0].headers["Host"] == "model.example"


async def test_a_server_that_no_proxy_is_for_is_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    async with provider(Says("Hello.")) as (_, asked):
        assert (await asked.complete(REQUEST)).text == "Hello."


async def test_no_cookie_is_sent_back() -> None:
    async with provider(SetsCookies()) as (server, _):
        # Cookies of an address that is a number are never kept.
        asked = OpenAIProvider(model="m", key=Secret(KEY), base_url=server.base_url.replace("127.0.0.1", "localhost"))
        await asked.complete(REQUEST)
        await asked.complete(REQUEST)
        await asked.close()

        assert [("Cookie" in request.headers) for request in server.requests] == [False, False]
