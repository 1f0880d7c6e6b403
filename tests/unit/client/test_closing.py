"""What becomes of a call whose caller goes away, with asyncio; `test_testing_channel` has the other client."""

import asyncio
from contextlib import aclosing

import pytest
from support.scripted_service import Attempt, ScriptedService, serving

import parley
from parley.v1.conversation_pb2 import ChatEvent, ChatResponse, TurnStarted

BEGUN = Attempt([ChatResponse(events=[ChatEvent(turn_started=TurnStarted(session_id="s-1", turn=1))])], hangs=True)


async def test_an_iterator_that_is_closed_gives_its_call_up(service: ScriptedService) -> None:
    service.script.append(BEGUN)

    async with serving(service) as address, parley.AsyncClient(address) as client:
        async with aclosing(client.chat("hi")) as events:
            first = await anext(events)
        await service.given_up.wait()

    assert isinstance(first, parley.TurnStarted)


async def test_a_task_that_is_cancelled_gives_its_call_up_and_does_not_repeat_it(service: ScriptedService) -> None:
    service.script.append(BEGUN)
    begun = asyncio.Event()

    async with serving(service) as address, parley.AsyncClient(address) as client:

        async def listen() -> None:
            async for _ in client.chat("hi"):
                begun.set()

        task = asyncio.create_task(listen())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await service.given_up.wait()

    assert len(service.requests) == 1
