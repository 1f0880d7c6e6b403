"""Consultations: what one turn asks, once for each purpose, and what that takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
from support.model_answers import Says, TokenGate
from support.model_exchange import Behaviour
from support.model_faults import Breaks, Ending, Status
from support.model_server import ModelServer
from support.models import REQUEST, STRUCTURED, calls

from parley_server.core.context import Usage
from parley_server.errors import ModelAllowanceSpent, ModelFault, ModelUnavailable
from parley_server.models.consultation import Consultation
from parley_server.models.spending import Allowance, Spending


@asynccontextmanager
async def consulting(
    *behaviours: Behaviour, within: float = 60.0, **allowance: int
) -> AsyncIterator[tuple[ModelServer, Consultation, Spending]]:
    async with calls(*behaviours) as (server, asked):
        loop = asyncio.get_running_loop()
        spending = Spending(Allowance(**allowance), loop.time)
        yield server, Consultation(asked, spending, tenant="t", deadline=loop.time() + within), spending


async def write(consultation: Consultation) -> None:
    async with aclosing(consultation.write(REQUEST)) as pieces:
        async for _ in pieces:
            pass


async def test_asked_again_a_turn_gets_the_same_answer() -> None:
    async with consulting(Says("one"), Says("two")) as (server, consultation, _):
        assert [await consultation.ask(STRUCTURED) for _ in range(3)] == ["one"] * 3
        assert server.calls == 1
        assert consultation.usage == Usage(20, 5)


async def test_asked_again_a_turn_gets_the_same_failure() -> None:
    async with consulting(Status(401), Says("late")) as (server, consultation, _):
        for _ in range(3):
            with pytest.raises(ModelUnavailable):
                await consultation.ask(STRUCTURED)
        assert server.calls == 1


async def test_what_a_turn_uses_is_added_up() -> None:
    async with consulting(Says("one", usage=(1, 2)), Says("two", usage=(30, 40))) as (_, consultation, _spending):
        await consultation.ask(STRUCTURED)
        await write(consultation)
        assert consultation.usage == Usage(31, 42)


async def test_what_a_server_does_not_count_is_estimated() -> None:
    async with consulting(Says("x" * 300, usage=None)) as (_, consultation, _spending):
        await consultation.ask(STRUCTURED)
        asked = consultation.usage
        await write(consultation)

    assert 100 <= asked.output_tokens <= 110
    assert asked.input_tokens > 0
    assert 200 <= consultation.usage.output_tokens <= 220


async def test_what_was_written_costs_where_it_broke_off_and_where_it_was_left() -> None:
    async with consulting(Breaks(Ending.ERROR)) as (_, consultation, _spending):
        with pytest.raises(ModelUnavailable):
            await write(consultation)
        assert consultation.usage.output_tokens > 0

    gate = TokenGate()
    gate.release()
    async with consulting(Says("one two", gate=gate), tenant_tokens=1) as (_, consultation, spending):
        async with aclosing(consultation.write(REQUEST)) as pieces:
            await anext(pieces)
        with pytest.raises(ModelAllowanceSpent):
            spending.check("t", Usage())


@pytest.mark.parametrize("nothing", [Says(""), Says("No.", refused=True)], ids=repr)
async def test_an_answer_that_is_none_costs_what_was_asked(nothing: Says) -> None:
    async with consulting(nothing) as (_, consultation, _spending):
        with pytest.raises(ModelUnavailable):
            await consultation.ask(STRUCTURED)
        asked = consultation.usage.input_tokens
        with pytest.raises(ModelUnavailable):
            await write(consultation)
        assert 0 < asked < consultation.usage.input_tokens


async def test_a_call_that_came_to_nothing_costs_nothing() -> None:
    async with consulting(Status(500)) as (_, consultation, _spending):
        with pytest.raises(ModelUnavailable):
            await write(consultation)
        assert consultation.usage == Usage()


async def test_nothing_more_is_asked_when_the_session_has_used_all_that_it_may() -> None:
    async with consulting(Says("Hello."), session_tokens=25) as (server, consultation, _):
        await consultation.ask(STRUCTURED)
        with pytest.raises(ModelAllowanceSpent):
            await write(consultation)
        assert server.calls == 1


async def test_without_a_model_there_is_no_answer() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await Consultation().ask(STRUCTURED)
    assert (caught.value.fault, caught.value.retry_after) == (ModelFault.ABSENT, None)


async def test_time_is_left_for_what_comes_after_a_question() -> None:
    gate = TokenGate()
    async with calls(Says("late", gate=gate)) as (_, asked):
        deadline = asyncio.get_running_loop().time() + 0.35
        consultation = Consultation(asked, deadline=deadline)
        with pytest.raises(ModelUnavailable):
            await consultation.ask(STRUCTURED)
        left = timedelta(seconds=deadline - asyncio.get_running_loop().time())
    assert left > timedelta(0)
