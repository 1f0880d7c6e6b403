"""A model that fails for longer, that is asked too much, or that has cost enough: turns go on, and it is left alone."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.model_answers import ByPurpose, Says, says_json
from support.model_exchange import Behaviour
from support.model_faults import Failing, NeverAnswers, Status
from support.model_talks import BARE, CANNED, PLAN_B, Talk, talking
from support.understanding import proposal

import parley
from parley import Reason

BOTH = f"""
assistant: both
nlu: openai
flows:
  main:
    states:
      hello: {{generate: {{instructions: Greet., otherwise: {CANNED}}}}}
"""
"""Each turn asks the model twice: to understand, and to reply."""


async def taken(talk: Talk, count: int) -> list[parley.TurnCompleted]:
    """So many turns, a few at a time, each of a session of its own."""
    places = asyncio.Semaphore(10)

    async def take(number: int) -> parley.TurnCompleted:
        async with places:
            return await talk.client.say("hello", session_id=f"s{number}")

    return await asyncio.gather(*(take(number) for number in range(count)))


async def test_a_third_of_the_calls_may_fail_and_no_turn_does(tmp_path: Path) -> None:
    works = ByPurpose(understanding=says_json(proposal()), replies=Says("Hello."))
    failing = Failing(0.3, otherwise=works)
    async with talking(tmp_path, failing, text=BOTH) as talk:
        replies = await taken(talk, 150)

        assert len(replies) == 150
        assert {reply.reply for reply in replies} <= {"Hello.", CANNED}
        assert sum(reply.reply == "Hello." for reply in replies) >= 75
        assert failing.failed >= 30
        assert talk.model.calls <= 2 * 150 * 1.2


@pytest.mark.parametrize("down", [Status(500), Status(429), Status(401), NeverAnswers()], ids=repr)
async def test_a_model_that_is_down_is_hardly_asked(tmp_path: Path, down: Behaviour) -> None:
    async with talking(tmp_path, down, text=BOTH, first_token=0.05) as talk:
        replies = await taken(talk, 60)

        assert all(reply.degraded and reply.reply == CANNED for reply in replies)
        assert talk.model.calls <= 60 * 1.2


async def test_how_long_a_server_asks_to_be_left_alone_is_told_to_the_caller(tmp_path: Path) -> None:
    async with talking(tmp_path, Status(429, retry_after=30)) as talk:
        await talk.say("hello")
        await talk.say("hello", session_id="other")
        for session_id in ("s", "other"):
            with pytest.raises(parley.Unavailable) as caught:
                await talk.say(BARE, session_id=session_id)
            assert caught.value.retry_after
            assert timedelta(seconds=25) < caught.value.retry_after <= timedelta(seconds=30)
        assert talk.model.calls == 1


SPENT: list[dict[str, float]] = [
    {"session_tokens": 25},
    {"tenant_tokens": 25},
    {"session_cost": 0.00003, "input_price": 1.0, "output_price": 2.0},
    {"tenant_cost": 0.00003, "input_price": 1.0, "output_price": 2.0},
]
"""What one answer of 20 tokens and 5 uses up."""


@pytest.mark.parametrize("allowance", SPENT, ids=str)
async def test_what_may_be_used_is_used_and_then_the_authors_text_stands_in(
    tmp_path: Path, allowance: dict[str, Any]
) -> None:
    async with talking(tmp_path, Says("Hello."), **allowance) as talk:
        first = await talk.say("hello", PLAN_B)
        second = await talk.say("and?")
        other = await talk.say("hello", PLAN_B, session_id="other")

        assert (first.reply, first.degraded) == ("Hello.", False)
        assert (second.reply, second.degraded) == (CANNED, True)
        # A session's limit is its own, a tenant's is that of all its sessions.
        shared = any(name.startswith("tenant") for name in allowance)
        assert other.reply == (CANNED if shared else "Hello.")
        assert talk.model.calls == (1 if shared else 2)


async def test_where_there_is_no_such_text_the_turn_is_refused(tmp_path: Path) -> None:
    async with talking(tmp_path, Says("Hello."), tenant_tokens=25) as talk:
        await talk.say("hello", BARE)
        with pytest.raises(parley.ParleyError) as caught:
            await talk.say("and?")

        assert caught.value.status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (caught.value.reason, caught.value.applied) == (Reason.MODEL_ALLOWANCE_SPENT, "no")
        assert caught.value.retry_after
        assert len(await talk.turns()) == 2


async def test_a_session_remembers_what_it_used_when_the_server_is_started_anew(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"store": f"sqlite:///{tmp_path / 'parley.db'}", "session_tokens": 25}
    async with talking(tmp_path, Says("Hello."), **settings) as talk:
        await talk.say("hello", PLAN_B)
    async with talking(tmp_path, Says("Hello."), **settings) as talk:
        assert (await talk.say("and?")).reply == CANNED
        assert talk.model.calls == 0
