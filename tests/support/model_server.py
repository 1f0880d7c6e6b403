"""A server of a language model that a test scripts: real HTTP on a port of its own, the OpenAI protocol, no model.

What it answers are behaviours: `model_answers` has those that work, `model_faults` those that do not.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import web
from support.model_answers import Says, Script
from support.model_exchange import Behaviour, Exchange, ModelRequest, encoded, failure
from support.model_requests import defects

_LARGEST_REQUEST = 64 * 1024 * 1024


class ModelServer:
    """Answers chat completions as it is told, and remembers what it was asked. Use `running`.

    A request that no real server takes gets status 400, and like a behaviour that raises it fails the test when the
    server is closed: a caller that does without the model would not show it.
    """

    def __init__(self) -> None:
        self._behaviour: Behaviour = Says("Hello.")
        self._tasks: set[asyncio.Task[object]] = set()
        self.base_url = ""
        self.requests: list[ModelRequest] = []
        """All that came, also those that are not answered yet."""
        self.open = 0
        """How many calls wait for the end of their answer; one that its caller leaves is no longer open."""
        self.most_open = 0
        """How many there were at the same time."""
        self.errors: list[Exception] = []
        """What the test will fail with."""

    @classmethod
    @asynccontextmanager
    async def running(cls, *behaviours: Behaviour) -> AsyncIterator[Self]:
        """A server while the context lasts. The behaviours are used up one a call, the last is repeated."""
        server = cls()
        server.script(*behaviours)
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.router.add_post("/v1/chat/completions", server._serve)
        # An idle connection ends at once when the runner is closed, and every call is cancelled before.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            yield server
        finally:
            for task in server._tasks:
                task.cancel()
            await runner.cleanup()
        if server.errors:
            raise ExceptionGroup("the model's server could not do its part", server.errors)

    @property
    def calls(self) -> int:
        """How many calls came."""
        return len(self.requests)

    def script(self, *behaviours: Behaviour) -> None:
        """Forgets the behaviours that are left, and uses these from the next call on; none: it says hello."""
        self._behaviour = Script(*(behaviours or [Says("Hello.")]))

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        request = ModelRequest(_json(await http.read()), http.headers)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.requests.append(request)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        exchange = Exchange(http, request)
        try:
            await self._answer(exchange)
        finally:
            self.open -= 1
            self._tasks.discard(task)
        return exchange.response

    async def _answer(self, exchange: Exchange) -> None:
        try:
            if wrong := defects(exchange.request.body):
                await self._fail(exchange, ValueError(f"no server would take this request: {'; '.join(wrong)}"), 400)
            else:
                await self._behaviour.answer(exchange)
        except ConnectionError:
            # The caller went away, as it may.
            pass
        except Exception as error:  # noqa: BLE001  # it fails the test when the server is closed
            await self._fail(exchange, error, 500)

    async def _fail(self, exchange: Exchange, error: Exception, status: int) -> None:
        self.errors.append(error)
        if not exchange.begun:
            await exchange.answer(encoded(failure(str(error), "invalid_request_error")), status)


def _json(data: bytes) -> Any:
    """The JSON of a request, or nothing, which is no request."""
    try:
        return json.loads(data)
    except ValueError:
        return None
