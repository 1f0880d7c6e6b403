"""The booking example, as its users talk to it: through a real server, over gRPC."""

from collections.abc import AsyncIterator
from datetime import date, time
from pathlib import Path

import pytest
from support.servers import at_noon, serving

import parley
from parley import Phase

Talk = parley.AsyncConversation


@pytest.fixture
async def client() -> AsyncIterator[parley.AsyncClient]:
    async with serving(clock=at_noon) as (_, client):
        yield client


@pytest.fixture
def talk(client: parley.AsyncClient) -> Talk:
    return client.conversation()


@pytest.fixture
async def confirming(talk: Talk) -> Talk:
    """A conversation at its confirmation."""
    reply = await talk.say("Book a consultation tomorrow at 15:00, my name is Ada Lovelace, ada@example.org")
    assert reply.session.phase is Phase.CONFIRMATION
    return talk


async def test_step_by_step(talk: Talk) -> None:
    session: parley.Session
    steps = [
        ("hi", "service", Phase.INFORMATION_GATHERING),
        ("a consultation please", "date", Phase.INFORMATION_GATHERING),
        ("next Friday", "time", Phase.INFORMATION_GATHERING),
        ("3pm", "name", Phase.INFORMATION_GATHERING),
        ("Ada Lovelace", "email", Phase.INFORMATION_GATHERING),
        ("ada@example.org", "", Phase.CONFIRMATION),
        ("yes", "", Phase.COMPLETION),
    ]
    for turn, (message, requested, phase) in enumerate(steps, start=1):
        session = (await talk.say(message)).session

        assert (session.turn_count, session.requested_slot, session.phase) == (turn, requested, phase)
    assert session.slots == {
        "service": "consultation",
        "date": date(2026, 3, 13),
        "time": time(15),
        "name": "Ada Lovelace",
        "email": "ada@example.org",
    }
    assert session.state == "booking/goodbye"


async def test_the_greeting_is_said_and_every_phase_is_passed_through(talk: Talk) -> None:
    phases = {
        event.phase
        for message in ("hi", "support, tomorrow at 3pm", "I'm Ada, ada@example.org", "yes")
        async for event in talk.chat(message)
        if isinstance(event, parley.StateChanged)
    }

    assert phases == set(Phase) - {Phase.UNSPECIFIED}


async def test_everything_at_once_asks_only_for_what_is_missing(talk: Talk) -> None:
    reply = await talk.say("Book a consultation tomorrow at 15:00, I'm Ada")
    assert reply.session.missing_slots == ("email",)
    assert reply.reply.endswith("What is your e-mail address?")

    reply = await talk.say("ada@example.org")
    assert reply.session.phase is Phase.CONFIRMATION
    for said in ("consultation", "March 5", "15:00", "Ada", "ada@example.org"):
        assert said in reply.reply


async def test_everything_at_once_is_confirmed_at_once(talk: Talk) -> None:
    reply = await talk.say("Book a consultation tomorrow at 15:00, I'm Ada, ada@example.org")

    assert reply.session.phase is Phase.CONFIRMATION
    assert (await talk.say("yes please")).session.phase is Phase.COMPLETION


async def test_a_change_at_the_confirmation_is_confirmed_again(confirming: Talk) -> None:
    reply = await confirming.say("no, make it Monday")

    assert reply.session.slots["date"] == date(2026, 3, 9)
    assert reply.session.state == "booking/confirmation"
    assert "Monday, March 9" in reply.reply


async def test_a_bare_no_asks_what_to_change(confirming: Talk) -> None:
    reply = await confirming.say("no")
    assert "What should I change" in reply.reply

    reply = await confirming.say("the time")
    assert (reply.session.requested_slot, "time" in reply.session.slots) == ("time", False)

    reply = await confirming.say("4pm")
    assert (reply.session.state, reply.session.slots["time"]) == ("booking/confirmation", time(16))


async def test_cancel_at_the_confirmation_goes_back(confirming: Talk) -> None:
    reply = await confirming.say("cancel")

    assert reply.session.state == "booking/details"
    assert reply.session.phase is Phase.INFORMATION_GATHERING
    assert reply.session.slots == {}
    assert reply.session.requested_slot == "service"


async def test_help_explains_and_returns_to_the_same_question(talk: Talk) -> None:
    asked = (await talk.say("hi")).reply.removeprefix("Hello! I book appointments. ")

    reply = await talk.say("help")

    assert reply.reply.startswith("I book appointments. You can")
    assert reply.reply.endswith(asked)


async def test_help_at_the_confirmation_returns_to_it(confirming: Talk) -> None:
    reply = await confirming.say("help")

    assert reply.reply.endswith("Shall I book it?")
    assert reply.session.phase is Phase.CONFIRMATION


@pytest.mark.parametrize(
    ("slot", "good", "bad"),
    [("email", "Ada", "ada@@example.org"), ("email", "Ada", "ada at home"), ("date", "support", "yesterday")],
)
async def test_a_bad_value_is_refused_with_a_reason_and_asked_again(talk: Talk, slot: str, good: str, bad: str) -> None:
    if slot == "email":
        await talk.say("support tomorrow at 3pm")
    before = (await talk.say(good)).session
    assert before.requested_slot == slot

    events = [event async for event in talk.chat(bad)]

    after = events[-1].session  # type: ignore[union-attr]  # the last one is TurnCompleted
    refused = [r for e in events if isinstance(e, parley.SlotsChanged) for r in e.rejected]
    assert [(r.slot, bool(r.reason)) for r in refused] == [(slot, True)]
    assert refused[0].reason in events[-1].reply  # type: ignore[union-attr]
    assert (after.slots, after.requested_slot) == (before.slots, slot)


async def test_a_question_to_the_side_is_answered_and_the_pending_slot_asked_again(talk: Talk) -> None:
    await talk.say("a consultation please")

    reply = await talk.say("what are your opening hours?")

    assert reply.reply == "We are open Monday to Friday, 9:00 to 18:00. Which day suits you?"
    assert reply.session.state == "booking/details"
    assert reply.session.slots == {"service": "consultation"}


async def test_ending_a_session_gives_its_transcript_and_leaves_nothing(client: parley.AsyncClient, talk: Talk) -> None:
    messages = ["hi", "sales", "next Tuesday"]
    replies = [(await talk.say(message)).reply for message in messages]

    ended = await client.end_session(talk.session_id, include_history=True)

    assert ended.session
    assert ended.session.turn_count == 3
    assert [(turn.turn, turn.user_message, turn.reply) for turn in ended.turns] == [
        (number, message, reply) for number, (message, reply) in enumerate(zip(messages, replies, strict=True), 1)
    ]
    with pytest.raises(parley.SessionNotFound):
        await client.get_session(talk.session_id)
    with pytest.raises(parley.SessionNotFound):
        await client.end_session(talk.session_id)
    assert (await client.end_session(talk.session_id, allow_missing=True)).session is None


async def test_a_conversation_goes_on_after_the_server_was_stopped_and_started(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'parley.db'}"
    async with serving(clock=at_noon, store=store) as (_, client):
        talk = client.conversation()
        await talk.say("hi")
        before = (await talk.say("a consultation next Friday")).session

    async with serving(clock=at_noon, store=store) as (_, client):
        assert await client.get_session(talk.session_id) == before
        reply = await client.conversation(talk.session_id).say("3pm")
        history = [turn.user_message async for turn in client.history(talk.session_id)]

    assert reply.session.slots == {"service": "consultation", "date": date(2026, 3, 13), "time": time(15)}
    assert reply.session.requested_slot == "name"
    assert history == ["hi", "a consultation next Friday", "3pm"]
