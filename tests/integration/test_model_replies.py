"""Replies that a model writes: streamed as they come, kept when they are whole, and what stands in for them."""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from support.model_answers import Chosen, Says, TokenGate, echo_of_system_prompt
from support.model_exchange import Behaviour
from support.model_faults import (
    CANARY,
    MIB,
    WRONG_CHUNKS,
    Breaks,
    Drips,
    Ending,
    Filler,
    Html,
    Huge,
    NeverAnswers,
    NoHttp,
    Raw,
    Status,
    WholeAlways,
)
from support.model_talks import BARE, CANNED, PLAN_B, Talk, reply_of, talking
from support.waiting import until

import parley
from parley import Reason

IMPATIENT: dict[str, dict[str, Any]] = {
    "slow first token": {"first_token": 0.2},
    "slow drip": {"first_token": 0.2},
    "falls silent": {"next_token": 0.05},
}

SAYS_FIRST = """
assistant: chat
nlu: rules
flows: {shop: {states: {advice: {say: One moment., generate: Recommend a wine., next: end}, end: {}}}}
"""

FAULTS: dict[str, tuple[Behaviour, int]] = {
    "slow first token": (NeverAnswers(), 2),
    "slow drip": (Drips(Filler.EMPTY_DELTA, every=0.01), 2),
    "falls silent": (Says("Hel lo", drip=30.0), 1),
    "429": (Status(429), 1),
    "429 with Retry-After": (Status(429, retry_after=3), 1),
    "500": (Status(500), 2),
    "401": (Status(401), 1),
    "html": (Html(), 2),
    "no HTTP": (NoHttp(), 2),
    "cut": (Breaks(Ending.CUT), 1),
    "cut at once": (Breaks(Ending.CUT, tokens=()), 2),
    "no stream": (WholeAlways("Hello."), 2),
    "empty choices": (WRONG_CHUNKS["no choices"], 2),
    "wrong shape": (WRONG_CHUNKS["a text"], 2),
    "null content": (Says(None), 2),
    "blank": (Says([" ", "\n", "\x00"]), 1),
    "no finish_reason": (Says("Hello there.", finish_reason=None), 1),
    "an error in the midst": (Breaks(Ending.ERROR), 1),
    "reset": (Breaks(Ending.RESET, tokens=()), 2),
    "reset in the midst": (Breaks(Ending.RESET), 1),
    "150 MiB": (Huge(token=8 * MIB), 2),
    "refused": (Says(f"No, {CANARY}.", refused=True), 1),
    "filtered": (Says(f"No, {CANARY}.", finish_reason="content_filter"), 1),
    "half a character": (Raw(b'{"choices": [{"delta": {"content": "\\ud83d"}}]}'), 2),
    "recites its instructions": (Chosen(echo_of_system_prompt), 1),
}
"""What goes wrong, and how many calls are made then."""


@pytest.fixture(params=FAULTS)
async def fault(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[tuple[Talk, range]]:
    """A session whose next turn the model spoils, and how many calls it gets."""
    behaviour, calls = FAULTS[request.param]
    # A call that had hardly any time may not have reached the model's server.
    least = 0 if request.param in IMPATIENT else calls
    async with talking(tmp_path, behaviour, **IMPATIENT.get(request.param, {})) as talk:
        await talk.say("hello")
        yield talk, range(least, calls + 1)
        await until(lambda: talk.model.open == 0)
        assert len(talk.server.turns) == 0
    assert CANARY not in caplog.text
    assert all(record.levelno < logging.ERROR for record in caplog.records)


async def test_where_the_author_gave_a_text_it_stands_in(fault: tuple[Talk, range]) -> None:
    talk, calls = fault

    events = [event async for event in talk.client.chat(PLAN_B, session_id="s")]

    done = events[-1]
    assert isinstance(done, parley.TurnCompleted)
    assert (done.reply, reply_of(events)) == (CANNED, CANNED)
    assert (done.degraded, done.session.state, done.session.turn_count) == (True, "shop/talk", 2)
    assert talk.model.calls in calls
    assert [turn.reply for turn in await talk.turns()] == ["Welcome!", CANNED]


async def test_without_such_a_text_the_turn_fails_and_leaves_no_trace(fault: tuple[Talk, range]) -> None:
    talk, calls = fault
    before = await talk.client.get_session("s")

    with pytest.raises(parley.Unavailable) as caught:
        await talk.say(BARE)

    assert (caught.value.reason, caught.value.applied) == (Reason.MODEL_UNAVAILABLE, "no")
    assert caught.value.retry_after
    assert CANARY not in f"{caught.value} {caught.value.metadata}"
    assert talk.model.calls in calls
    assert await talk.client.get_session("s") == before
    assert len(await talk.turns()) == 1


async def test_what_is_said_before_is_there_while_the_model_still_thinks(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("A dry one.", gate=gate), text=SAYS_FIRST) as talk:
        sent: list[int] = []
        came: list[parley.Event] = []
        async with aclosing(talk.client.chat("hello", session_id="s")) as events:
            async for event in events:
                came.append(event)
                if isinstance(event, parley.TextDelta):
                    sent.append(gate.sent)
                    gate.open()

    assert sent[0] == 0
    assert reply_of(came) == "One moment. A dry one."


async def test_the_first_piece_is_there_before_the_model_has_sent_its_second(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("Try a dry one.", gate=gate, usage=(30, 4))) as talk:
        await talk.say("hello")
        gate.release()
        came: list[parley.Event] = []
        async with aclosing(talk.client.chat(PLAN_B, session_id="s")) as events:
            async for event in events:
                came.append(event)
                if isinstance(event, parley.TextDelta):
                    assert gate.sent == sum(isinstance(other, parley.TextDelta) for other in came)
                    assert event.offset or (await talk.client.get_session("s")).turn_count == 1
                    gate.release()

    assert [type(event).__name__ for event in came] == [
        "TurnStarted",
        "StateChanged",
        *["TextDelta"] * 4,
        "TurnCompleted",
    ]
    done = came[-1]
    assert isinstance(done, parley.TurnCompleted)
    assert (done.reply, reply_of(came), done.degraded) == ("Try a dry one.", "Try a dry one.", False)
    assert (done.usage.input_tokens, done.usage.output_tokens) == (30, 4)
