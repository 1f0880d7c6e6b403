"""Calls on a real HTTP server: each wait ends, few are repeated, and a server that fails is left alone."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import timedelta

import pytest
from support.model_answers import Late, Says, TokenGate
from support.model_exchange import Behaviour
from support.model_faults import Breaks, Drips, Ending, Filler, NeverAnswers, Status
from support.model_server import ModelServer
from support.models import REQUEST, calls
from support.waiting import until

from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.models.calls import ModelCalls, ModelLimits
from parley_server.models.protocol import Completion, Finish, ModelRequest, Piece

LONG = 60.0
FAILS_FIRST: list[Behaviour] = [Status(500), Says("Hello.")]


async def complete(asked: ModelCalls, *, within: float = LONG) -> str:
    return (await asked.complete(REQUEST, until=asyncio.get_running_loop().time() + within)).text


async def stream(asked: ModelCalls, *, within: float = LONG) -> str:
    deadline = asyncio.get_running_loop().time() + within
    async with aclosing(asked.stream(REQUEST, until=deadline)) as pieces:
        return "".join([piece async for piece in pieces if not isinstance(piece, Finish)])


async def fault_of(asked: ModelCalls, *, within: float = LONG, streamed: bool = False) -> ModelFault:
    with pytest.raises(ModelUnavailable) as caught:
        await (stream(asked, within=within) if streamed else complete(asked, within=within))
    return caught.value.fault


async def fail(asked: ModelCalls, times: int) -> None:
    for _ in range(times):
        await fault_of(asked)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("failure", "count"),
    [
        (Status(500), 2),
        (NeverAnswers(), 2),
        (Breaks(Ending.RESET, tokens=()), 2),
        (Says(None), 2),
        (Status(429), 1),
        (Status(401), 1),
        (Says("No.", refused=True), 1),
    ],
    ids=repr,
)
async def test_a_call_is_made_once_more_where_that_may_help(failure: Behaviour, count: int, streamed: bool) -> None:
    silence = 0.2 if isinstance(failure, NeverAnswers) else LONG
    async with calls(failure, first_token=silence) as (server, asked):
        await fault_of(asked, streamed=streamed)

        assert server.calls == count or (silence < LONG and server.calls < count)
        await until(lambda: server.open == 0)


async def test_the_second_attempt_may_succeed() -> None:
    async with calls(Status(500), Says("Hello.")) as (_, asked):
        assert await complete(asked) == "Hello."
    async with calls(Status(500), Says("Hello.")) as (_, asked):
        assert await stream(asked) == "Hello."


async def test_nothing_is_repeated_once_something_was_handed_out() -> None:
    gate = TokenGate()
    gate.release()
    async with calls(Breaks(Ending.RESET, gate=gate)) as (server, asked):
        async with aclosing(asked.stream(REQUEST, until=asyncio.get_running_loop().time() + LONG)) as pieces:
            assert await anext(pieces) == "Hel"
            gate.open()
            with pytest.raises(ModelUnavailable):
                _ = [piece async for piece in pieces]
        assert server.calls == 1


@pytest.mark.parametrize("filler", Filler)
async def test_a_stream_that_says_nothing_is_silent_whatever_it_sends(filler: Filler) -> None:
    async with calls(Drips(filler, every=0.01), first_token=0.05) as (server, asked):
        assert await fault_of(asked, streamed=True) is ModelFault.TIMEOUT
        await until(lambda: server.open == 0)


async def test_a_model_that_falls_silent_in_the_midst_is_given_up() -> None:
    gate = TokenGate()
    gate.release()
    async with calls(Says("one two", gate=gate), next_token=0.05) as (server, asked):
        assert await fault_of(asked, streamed=True) is ModelFault.TIMEOUT
        assert (gate.sent, server.calls) == (1, 1)
        await until(lambda: server.open == 0)


async def test_a_model_may_write_for_longer_than_it_may_be_silent() -> None:
    async with calls(Says("a b c d e", drip=0.2), next_token=0.7) as (_, asked):
        assert await stream(asked) == "a b c d e"


@pytest.mark.parametrize("streamed", [False, True])
async def test_no_call_lasts_longer_than_its_caller_has_time(streamed: bool) -> None:
    async with calls(NeverAnswers()) as (server, asked):
        assert await fault_of(asked, within=0.05, streamed=streamed) is ModelFault.TIMEOUT
        await until(lambda: server.open == 0)
        assert server.calls <= 1
        server.script(Says("Hello."))
        assert await fault_of(asked, within=-1.0, streamed=streamed) is ModelFault.TIMEOUT
        assert server.calls <= 1


async def test_callers_in_a_hurry_do_not_have_the_model_left_alone() -> None:
    gate = TokenGate()
    async with calls(Says("Hello.", gate=gate)) as (_, asked):
        for _ in range(6):
            assert await fault_of(asked, within=0.01) is ModelFault.TIMEOUT
        gate.open()

        assert await complete(asked) == "Hello."


async def test_a_server_that_fails_again_and_again_is_left_alone() -> None:
    async with calls(Status(500)) as (server, asked):
        await fail(asked, 20)

        assert server.calls == 5
        assert await fault_of(asked) is ModelFault.RESTING


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_that_is_back_is_found_out_by_one_call(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley_server.models.calls._REST", timedelta(0))
    gate = TokenGate()
    async with calls(Status(500), in_flight=1) as (server, asked):
        await fail(asked, 5)
        server.script(Says("Hello.", gate=gate))
        probe = asyncio.create_task(stream(asked) if streamed else complete(asked))
        await until(lambda: server.open == 1)
        assert await fault_of(asked) is ModelFault.RESTING
        gate.open()

        assert await probe == "Hello."
        assert await asyncio.gather(*(complete(asked) for _ in range(5))) == ["Hello."] * 5


async def test_a_server_that_begins_to_answer_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley_server.models.calls._REST", timedelta(0))
    gate = TokenGate()
    async with calls(Status(500)) as (server, asked):
        await fail(asked, 5)
        server.script(Says(["Hel", "lo."], gate=gate), Says("Hello."))
        deadline = asyncio.get_running_loop().time() + LONG
        async with aclosing(asked.stream(REQUEST, until=deadline)) as pieces:
            gate.release()
            await anext(pieces)

            assert await complete(asked) == "Hello."
            gate.open()
            assert [piece async for piece in pieces][:-1] == ["lo."]


async def test_a_call_that_is_given_up_lets_no_second_one_find_that_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley_server.models.calls._REST", timedelta(0))
    gate = TokenGate()
    async with calls(Says("Hello.", gate=gate)) as (server, asked):
        older = asyncio.create_task(complete(asked))
        await until(lambda: server.open == 1)
        server.script(Status(401))
        await fail(asked, 5)
        server.script(Says("Hello.", gate=gate))
        probe = asyncio.create_task(complete(asked))
        await until(lambda: server.open == 2)

        older.cancel()
        await asyncio.wait([older])

        assert await fault_of(asked) is ModelFault.RESTING
        gate.open()
        assert await probe == "Hello."


@pytest.mark.parametrize("streamed", [False, True])
async def test_failures_that_are_not_in_a_row_do_no_harm(streamed: bool) -> None:
    refused: list[Behaviour] = [Status(401), Says("Hello.")]
    async with calls(*refused * 8) as (server, asked):
        for _ in range(8):
            await fault_of(asked, streamed=streamed)
            assert await (stream(asked) if streamed else complete(asked)) == "Hello."
        assert server.calls == 16


async def test_a_server_that_asks_to_be_left_alone_is_and_the_wait_is_told() -> None:
    async with calls(Status(429, retry_after=60)) as (server, asked):
        assert await fault_of(asked) is ModelFault.RATE_LIMITED
        with pytest.raises(ModelUnavailable) as caught:
            await complete(asked)

        assert caught.value.fault is ModelFault.RESTING
        assert caught.value.retry_after is not None
        assert timedelta(seconds=50) < caught.value.retry_after <= timedelta(seconds=60)
        assert server.calls == 1


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [
        (Says("No.", refused=True), ModelFault.REFUSED),
        (Status(400), ModelFault.UNFIT),
        (Says(""), ModelFault.EMPTY),
    ],
)
async def test_what_one_request_brings_about_is_no_failure_of_the_server(refusal: Behaviour, fault: ModelFault) -> None:
    async with calls(refusal) as (server, asked):
        for _ in range(8):
            assert await fault_of(asked) is fault
        server.script(Says("Hello."))
        assert await complete(asked) == "Hello."


async def test_only_a_tenth_of_the_calls_is_repeated_in_the_long_run() -> None:
    # Each call fails once and would succeed at its second attempt.
    async with calls(*FAILS_FIRST * 10) as (server, asked):
        for _ in range(10):
            await complete(asked)
        server.script(*FAILS_FIRST * 10)
        before = server.calls
        answered = 0
        for _ in range(20):
            with suppress(ModelUnavailable):
                await complete(asked)
                answered += 1
        assert server.calls - before <= 22
        assert answered >= 9


async def held(server: ModelServer, asked: ModelCalls, count: int) -> list[asyncio.Task[str]]:
    """So many calls that are under way."""
    tasks = [asyncio.create_task(complete(asked)) for _ in range(count)]
    await until(lambda: server.open == min(count, 2))
    return tasks


async def test_so_many_calls_run_at_once_so_many_wait_and_more_are_refused() -> None:
    gate = TokenGate()
    async with calls(Says("Hello.", gate=gate), in_flight=2, waiting=3) as (server, asked):
        tasks = await held(server, asked, 5)
        assert await fault_of(asked) is ModelFault.BUSY
        gate.open()

        assert await asyncio.gather(*tasks) == ["Hello."] * 5
        assert (server.calls, server.most_open) == (5, 2)


async def test_who_waits_for_a_place_waits_for_so_long() -> None:
    gate = TokenGate()
    async with calls(Says("Hello.", gate=gate), in_flight=2, patience=timedelta(seconds=0.02)) as (server, asked):
        tasks = await held(server, asked, 2)

        assert await fault_of(asked) is ModelFault.BUSY
        gate.open()
        assert await asyncio.gather(*tasks) == ["Hello."] * 2


async def test_places_come_back_whatever_becomes_of_a_call() -> None:
    async with calls(NeverAnswers(), in_flight=2, waiting=10) as (server, asked):
        tasks = await held(server, asked, 6)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.script(Status(401), Says("Hello."))
        await fault_of(asked)

        assert await asyncio.gather(*(complete(asked) for _ in range(4))) == ["Hello."] * 4


async def test_who_waits_while_the_server_fails_does_not_call_it_any_more() -> None:
    gate = TokenGate()
    async with calls(Late(Status(429), gate=gate), in_flight=1) as (server, asked):
        tasks = [asyncio.create_task(fault_of(asked)) for _ in range(4)]
        await until(lambda: server.open == 1)
        gate.open()

        assert await asyncio.gather(*tasks) == [ModelFault.RATE_LIMITED, *[ModelFault.RESTING] * 3]
        assert server.calls == 1


class Endless:
    """A provider of somebody else's, whose streams end without their end."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = pieces
        self.calls = 0

    async def stream(self, _request: ModelRequest) -> AsyncGenerator[Piece, None]:
        self.calls += 1
        for piece in self._pieces:
            yield piece

    async def complete(self, _request: ModelRequest) -> Completion:
        raise NotImplementedError

    async def close(self) -> None:
        return


@pytest.mark.parametrize(("provider", "count"), [(Endless(), 2), (Endless("Hello."), 1)])
async def test_a_stream_of_any_provider_that_ends_without_its_end_is_garbled(provider: Endless, count: int) -> None:
    assert await fault_of(ModelCalls(provider, ModelLimits()), streamed=True) is ModelFault.GARBLED
    assert provider.calls == count
