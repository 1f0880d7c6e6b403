"""A scripted server, and both clients to call it with."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.scripted_service import AsyncCaller, Caller, Connect, ScriptedService, ThreadCaller, serving

from parley import RetryPolicy

WHOLE_DELAYS = RetryPolicy(jitter=lambda: 1.0)


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture(params=[AsyncCaller, ThreadCaller], ids=["asyncio", "threads"])
async def connect(request: pytest.FixtureRequest, service: ScriptedService) -> AsyncIterator[Connect]:
    callers: list[Caller] = []
    async with serving(service) as address:

        def connect(**settings: Any) -> Caller:
            callers.append(request.param(address, **{"retry": WHOLE_DELAYS, **settings}))
            return callers[-1]

        yield connect
        for caller in callers:
            await caller.close()


@pytest.fixture
def caller(connect: Connect) -> Caller:
    return connect()
