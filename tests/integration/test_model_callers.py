"""Callers of a turn that a model writes: they leave, return, have little time, or do not read."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.model_answers import ByPurpose, Says, TokenGate, says_json
from support.model_faults import Drips, Filler, NeverAnswers
from support.model_server import ModelServer
from support.model_talks import BARE, CANNED, CHAT, PLAN_B, Talk, reply_of, talking
from support.servers import definition, serving
from support.understanding import proposal
from support.waiting import until

import parley
from parley import DisconnectPolicy
from parley.v1.conversation_pb2 import ChatRequest
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

SHORT = timedelta(seconds=0.6)
AT_ONCE = """
assistant: at_once
nlu: rules
flows: {main: {states: {hello: {generate: Greet.}}}}
"""


async def listening(talk: Talk, **turn: object) -> asyncio.Task[list[parley.Event]]:
    """Somebody who listens to a turn, and has heard the first piece of its reply."""
    heard = asyncio.Event()

    async def listen() -> list[parley.Event]:
        events = []
        chat = talk.client.chat(PLAN_B, session_id="s", request_id="r", **turn)  # type: ignore[arg-type]  # its own
        async with aclosing(chat) as stream:
            async for event in stream:
                events.append(event)
                if isinstance(event, parley.TextDelta):
                    heard.set()
        return events

    task = asyncio.create_task(listen())
    await heard.wait()
    return task


async def begun(talk: Talk, gate: TokenGate, **turn: object) -> asyncio.Task[list[parley.Event]]:
    """A turn whose caller has read the first piece of its reply."""
    await talk.say("hello")
    gate.release()
    return await listening(talk, **turn)


async def test_a_caller_who_leaves_has_the_model_stopped_and_nothing_saved(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("one two three", gate=gate)) as talk:
        turn = await begun(talk, gate)
        turn.cancel()

        await until(lambda: talk.model.open == 0)
        await until(lambda: len(talk.server.turns) == 0)
        assert gate.sent == 1
        assert [turn.user_message for turn in await talk.turns()] == ["hello"]

        gate.open()
        assert (await talk.client.say(PLAN_B, session_id="s", request_id="r")).replayed is False


async def test_a_turn_that_goes_on_without_its_caller_commits(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("one two three", gate=gate)) as talk:
        turn = await begun(talk, gate, disconnect_policy=DisconnectPolicy.CONTINUE)
        turn.cancel()
        await asyncio.wait([turn])
        gate.open()

        await until(lambda: len(talk.server.turns) == 0)
        assert [turn.reply for turn in await talk.turns()] == ["Welcome!", "one two three"]


async def test_a_repeat_joins_the_turn_that_is_running_and_hears_it_from_its_beginning(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("one two three", gate=gate)) as talk:
        first = await begun(talk, gate, disconnect_policy=DisconnectPolicy.CONTINUE)
        second = await listening(talk, disconnect_policy=DisconnectPolicy.CONTINUE)
        gate.open()
        one, other = await first, await second

    assert one[:-1] == other[:-1]
    assert reply_of(other) == "one two three"
    ends = [events[-1] for events in (one, other)]
    assert [end.replayed for end in ends if isinstance(end, parley.TurnCompleted)] == [False, True]
    assert talk.model.calls == 1


async def test_a_turn_goes_on_without_its_callers_if_one_of_them_asked_for_that(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("one two three", gate=gate)) as talk:
        first = await begun(talk, gate)
        second = await listening(talk, disconnect_policy=DisconnectPolicy.CONTINUE)
        for caller in (second, first):
            caller.cancel()
            await asyncio.wait([caller])
        await talk.say("hello", session_id="other")
        gate.open()

        await until(lambda: len(talk.server.turns) == 0)
        assert [turn.reply for turn in await talk.turns()] == ["Welcome!", "one two three"]


@pytest.mark.parametrize("model", [NeverAnswers(), Drips(Filler.COMMENT, every=0.02)])
async def test_a_deadline_that_is_shorter_than_the_model_gets_the_authors_text_in_time(
    tmp_path: Path, model: NeverAnswers | Drips
) -> None:
    async with talking(tmp_path, model) as talk:
        await talk.say("hello")
        done = await talk.client.say(PLAN_B, session_id="s", timeout=SHORT)
        await until(lambda: talk.model.open == 0)

    assert (done.reply, done.degraded, done.session.turn_count) == (CANNED, True, 2)


async def test_without_such_a_text_the_deadline_leaves_no_trace(tmp_path: Path) -> None:
    async with talking(tmp_path, NeverAnswers()) as talk:
        await talk.say("hello")
        with pytest.raises((parley.DeadlineExceeded, parley.Unavailable)):
            await talk.client.say(BARE, session_id="s", timeout=SHORT)

        await until(lambda: talk.model.open == 0)
        assert len(await talk.turns()) == 1


async def test_a_deadline_in_the_midst_of_a_reply_puts_the_authors_text_in_its_place(tmp_path: Path) -> None:
    gate = TokenGate()
    gate.release(2)
    async with talking(tmp_path, Says("one two three", gate=gate)) as talk:
        await talk.say("hello")
        events = [event async for event in talk.client.chat(PLAN_B, session_id="s", timeout=SHORT)]
        await until(lambda: talk.model.open == 0)

    assert any(isinstance(event, parley.Restarted) for event in events)
    assert reply_of(events) == CANNED


async def test_understanding_leaves_time_for_the_reply(tmp_path: Path) -> None:
    model = ByPurpose(understanding=NeverAnswers(), replies=Says("Quick."))
    text = CHAT.replace("nlu: rules", "nlu: openai")
    async with talking(tmp_path, model, text=text) as talk:
        await talk.client.say("hello", session_id="s", timeout=timedelta(seconds=1))
        done = await talk.client.say(PLAN_B, session_id="s", timeout=timedelta(seconds=1.5))

    assert (done.reply, done.degraded) == ("Quick.", True)


async def test_the_turns_own_budget_bounds_it_where_the_caller_sets_no_deadline(tmp_path: Path) -> None:
    async with talking(tmp_path, NeverAnswers(), turn_budget=0.5) as talk:
        await talk.say("hello")

        assert (await talk.say(PLAN_B)).reply == CANNED


async def test_who_waits_for_a_model_hears_that_the_turn_goes_on(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("At last.", gate=gate), heartbeat=0.02) as talk:
        await talk.say("hello")
        beats = 0
        events = []
        async with aclosing(talk.client.chat(PLAN_B, session_id="s", heartbeats=True)) as chat:
            async for event in chat:
                events.append(event)
                beats += isinstance(event, parley.Heartbeat)
                if beats == 3:
                    gate.open()

    assert beats >= 3
    assert reply_of(events) == "At last."


async def test_a_caller_who_stops_reading_holds_no_place_at_the_model(tmp_path: Path) -> None:
    reply = Says(["x" * 60 + " "] * 250)
    async with talking(tmp_path, reply, model_calls=1) as talk:
        await talk.say("hello")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{talk.server.port}") as channel:
            stub = ConversationServiceStub(channel)
            stalled = stub.Chat(ChatRequest(session_id="s", message=PLAN_B))
            await stalled.read()

            await until(lambda: len(talk.server.turns) == 0)
            assert talk.model.open == 0
            talk.model.script(Says("Hello."))
            await talk.say("hello", PLAN_B, session_id="other")
            stalled.cancel()

        assert len(await talk.turns()) == 2


async def test_many_turns_wait_for_a_slow_model_at_the_same_time(tmp_path: Path) -> None:
    slow = Says("Hello there.", wait=0.2)
    count = 200
    async with talking(tmp_path, slow, text=AT_ONCE) as talk:
        replies = await asyncio.gather(*(talk.client.say("hi", session_id=f"s{n}") for n in range(count)))

        assert Counter(reply.reply for reply in replies) == {"Hello there.": count}
        assert talk.model.calls == count
        assert talk.model.open == 0


async def test_more_calls_than_may_run_wait_and_the_rest_is_served_without(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("Hello.", gate=gate), model_calls=2) as talk:
        await asyncio.gather(*(talk.say("hello", session_id=f"s{n}") for n in range(8)))
        turns = [asyncio.create_task(talk.say(PLAN_B, session_id=f"s{n}")) for n in range(8)]
        await until(lambda: sum(turn.done() for turn in turns) == 4)
        gate.open()
        replies = Counter(completed.reply for completed in await asyncio.gather(*turns))

    assert replies == {"Hello.": 4, CANNED: 4}
    assert talk.model.most_open == 2


@pytest.mark.parametrize("grace", [20.0, 0.1])
async def test_a_server_that_stops_lets_the_model_finish_within_its_grace(tmp_path: Path, grace: float) -> None:
    gate = TokenGate()
    gate.release()
    store, file = f"sqlite:///{tmp_path / 'parley.db'}", definition(tmp_path, CHAT)
    async with ModelServer.running(Says("one two", gate=gate)) as model, AsyncExitStack() as clients:
        options: dict[str, Any] = {"model": "m", "base_url": model.base_url, "assistant": (file,), "store": store}
        async with serving(**options, grace=grace) as (server, _):
            client = await clients.enter_async_context(parley.AsyncClient(f"127.0.0.1:{server.port}", retry=None))
            await client.say("hello", session_id="s")
            turn = asyncio.create_task(client.say(PLAN_B, session_id="s"))
            await until(lambda: gate.sent == 1)
            if grace > 1:
                asyncio.get_running_loop().call_later(0.05, gate.open)
        (result,) = await asyncio.gather(turn, return_exceptions=True)
        await until(lambda: model.open == 0)
        async with serving(**options) as (_, later):
            turns = [kept.reply async for kept in later.history("s")]

    if grace > 1:
        assert isinstance(result, parley.TurnCompleted)
        assert turns == ["Welcome!", "one two"]
    else:
        assert isinstance(result, parley.ParleyError)
        assert turns == ["Welcome!"]


async def test_a_model_that_understands_and_one_that_writes_share_the_turn(tmp_path: Path) -> None:
    model = ByPurpose(understanding=says_json(proposal(answer="yes"), usage=(40, 10)), replies=Says("Hm."))
    async with talking(tmp_path, model, text=CHAT.replace("nlu: rules", "nlu: openai")) as talk:
        done = await talk.say("hello")

    assert (done.reply, done.usage.input_tokens, done.usage.output_tokens) == ("Hm.", 60, 15)
