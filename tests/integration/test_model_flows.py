"""A model in a flow: it words what the flow decides, wherever in a turn that is."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.model_answers import ByPurpose, Says, TokenGate, says_json
from support.model_faults import Breaks, Ending, Status
from support.model_talks import CANNED, CHAT, PLAN_B, Talk, reply_of, talking
from support.servers import definition
from support.understanding import proposal
from support.waiting import until

import parley

ORDERS = f"""
assistant: orders
nlu: rules
model: {{recent_turns: 3}}
slots:
  colour: {{type: choice, prompt: Red or white?, choices: {{red: [], white: []}}}}
  bottles: {{type: integer, prompt: How many bottles?}}
intents:
  hours: {{examples: [when are you open], generate: {{instructions: Say when we open., otherwise: {CANNED}}}}}
  person: {{examples: [give me a person], generate: {{instructions: Console., otherwise: {CANNED}}}, handoff: asked}}
  again: {{examples: [start over please], say: Gladly., start: gift}}
flows:
  order:
    states:
      form: {{collect: [colour, bottles], next: noted}}
      noted: {{say: Noted., generate: {{instructions: Thank., otherwise: {CANNED}}}, next: talk}}
      talk:
        generate: {{instructions: Chat., otherwise: {CANNED}}}
        on: [{{when: confirm, to: bye}}]
      bye: {{phase: completion, say: Goodbye!, generate: Part.}}
  gift:
    states:
      form: {{collect: [colour, bottles], next: sent}}
      sent: {{say: Sent.}}
fallback: Sorry?
"""


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A conversation whose model counts its answers."""
    answers = [Says(f"Text {number}.", usage=(10, number)) for number in range(1, 9)]
    async with talking(tmp_path, *answers, text=ORDERS) as talk:
        yield talk


async def test_an_intent_in_the_midst_of_a_form_is_answered_and_the_form_goes_on(talk: Talk) -> None:
    await talk.say("red")

    done = await talk.say("when are you open?")

    assert done.reply == "Text 1. How many bottles?"
    assert (done.session.requested_slot, done.session.slots) == ("bottles", {"colour": "red"})


async def test_two_texts_of_one_turn_are_streamed_one_after_the_other(talk: Talk) -> None:
    await talk.say("red")

    events = [event async for event in talk.client.chat("3", session_id="s")]

    done = events[-1]
    assert isinstance(done, parley.TurnCompleted)
    assert done.reply == reply_of(events) == "Noted. Text 1. Text 2."
    assert (done.usage.input_tokens, done.usage.output_tokens) == (20, 3)
    said = [json.loads(request.body["messages"][-1]["content"]) for request in talk.model.requests]
    assert [data["already_said"] for data in said] == ["Noted.", "Noted. Text 1."]


async def test_the_second_text_may_fail_when_the_first_was_streamed(tmp_path: Path) -> None:
    async with talking(tmp_path, Says("One."), Breaks(Ending.ERROR), text=ORDERS) as talk:
        await talk.say("red")
        events = [event async for event in talk.client.chat("3", session_id="s")]

    done = events[-1]
    assert isinstance(done, parley.TurnCompleted)
    assert done.reply == reply_of(events) == f"Noted. One. {CANNED}"
    assert done.degraded


async def test_a_state_that_generates_answers_each_message_until_a_way_out_is_taken(talk: Talk) -> None:
    await talk.say("3 red")

    first, second = await talk.say("what goes with fish?"), await talk.say("and with meat?")
    last = await talk.say("yes")

    assert (first.reply, first.session.state) == ("Text 3.", "order/talk")
    assert (second.reply, second.session.state) == ("Text 4.", "order/talk")
    assert (last.reply, last.session.state) == ("Goodbye! Text 5.", "order/bye")
    assert talk.model.calls == 5


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("cancel", "All right, let us start again. Red or white?"),
        ("help", 'You can answer the question, or say "repeat", "restart" or "cancel".'),
        ("thanks", "You are welcome."),
        ("repeat", "Noted. Text 1. Text 2."),
        ("restart", "All right, let us start again. Red or white?"),
    ],
)
async def test_commands_are_obeyed_where_a_model_chats(talk: Talk, command: str, reply: str) -> None:
    await talk.say("3 red")

    assert (await talk.say(command)).reply == reply


async def test_a_state_that_chats_has_no_fallback_and_a_form_has(talk: Talk) -> None:
    await talk.say("hello")
    assert (await talk.say("lorem ipsum")).reply == "Sorry? Red or white?"
    assert talk.model.calls == 0

    assert (await talk.say("3 red", "lorem ipsum")).reply == "Text 3."


async def test_a_handoff_is_said_after_the_models_text_and_then_the_model_is_silent(talk: Talk) -> None:
    await talk.say("3 red")
    done = await talk.say("give me a person")
    quiet = await talk.say("are you there?")

    assert done.reply == "Text 3. I hand you over to a colleague."
    assert (quiet.reply, talk.model.calls) == ("", 3)


async def test_a_dry_run_asks_the_model_and_keeps_nothing(talk: Talk) -> None:
    await talk.say("3 red")

    dry = await talk.client.say("and?", session_id="s", dry_run=True)

    assert dry.reply == "Text 3."
    assert dry.usage.output_tokens == 3
    assert ("generate", "order/talk", True) in [(step.kind, step.name, step.taken) for step in dry.explanation]
    assert len(await talk.turns()) == 1


async def test_a_dry_run_says_why_the_model_did_not_write(tmp_path: Path) -> None:
    async with talking(tmp_path, Status(401), text=ORDERS) as talk:
        dry = await talk.client.say("3 red", session_id="s", dry_run=True)

    assert dry.degraded
    assert "the model gave no answer (rejected)" in [step.reason for step in dry.explanation]


async def test_a_replay_has_the_same_reply_use_and_degradation(tmp_path: Path) -> None:
    async with talking(tmp_path, Says("Ah.", usage=(7, 3)), Status(401), text=ORDERS) as talk:
        first = await talk.client.say("3 red", session_id="s", request_id="r")
        again = await talk.client.say("3 red", session_id="s", request_id="r")
        events = [event async for event in talk.client.chat("3 red", session_id="s", request_id="r")]
        calls = talk.model.calls

    assert (first.degraded, first.usage.output_tokens, first.reply) == (True, 3, f"Noted. Ah. {CANNED}")
    assert (again.reply, again.degraded, again.usage) == (first.reply, first.degraded, first.usage)
    assert (again.replayed, calls, reply_of(events)) == (True, 2, first.reply)


async def test_an_expected_turn_count_is_checked_before_the_model_is_asked(talk: Talk) -> None:
    with pytest.raises(parley.TurnCountMismatch):
        await talk.client.say("3 red", session_id="s", expected_turn_count=4)
    assert talk.model.calls == 0


async def test_turns_of_one_session_wait_while_the_model_writes(tmp_path: Path) -> None:
    gate = TokenGate()
    async with talking(tmp_path, Says("One.", gate=gate), text=ORDERS) as talk:
        writing = asyncio.create_task(talk.say("3 red"))
        await until(lambda: talk.model.open == 1)
        waiting = asyncio.create_task(talk.say("and?"))
        with pytest.raises(parley.SessionBusy):
            await talk.client.say("now", session_id="s", conflict_policy=parley.ConflictPolicy.REJECT)
        gate.open()

        assert ((await writing).session.turn_count, (await waiting).session.turn_count) == (1, 2)


@pytest.mark.parametrize("nlu", ["openai", "cascade"])
async def test_an_intent_that_starts_anew_has_the_message_read_once(tmp_path: Path, nlu: str) -> None:
    understands = says_json(proposal(intents=["again"], slots={"colour": "white"}))
    async with talking(tmp_path, says_json(proposal()), text=ORDERS.replace("nlu: rules", f"nlu: {nlu}")) as talk:
        await talk.client.say("hello", session_id="s", slots={"colour": "red"})
        talk.model.script(understands)
        before = talk.model.calls

        done = await talk.say("nah, from the very top if I may, in white")

    assert done.reply == "Gladly. How many bottles?"
    assert done.session.slots == {"colour": "white"}
    assert talk.model.calls == before + 1


async def test_a_model_whose_intents_are_in_doubt_has_the_user_asked(tmp_path: Path) -> None:
    understands = says_json(proposal(intents=["hours", "person"]))
    settled = says_json(proposal(slots={"_option": "hours"}))
    model = ByPurpose(understanding=understands, replies=Says("Hm."))
    async with talking(tmp_path, model, text=ORDERS.replace("nlu: rules", "nlu: openai")) as talk:
        await talk.say("red")
        asked = await talk.say("I wonder")
        talk.model.script(ByPurpose(understanding=settled, replies=Says("From 9 to 5.")))
        done = await talk.say("the first, I guess")

    assert asked.reply == "Did you mean: hours or person?"
    assert done.reply == "From 9 to 5. Red or white?"


async def test_an_assistant_that_is_loaded_anew_asks_another_model(tmp_path: Path) -> None:
    named = CHAT.replace("model:", "model:\n  name: small")
    async with talking(tmp_path, Says("Hello."), text=named) as talk:
        await talk.say("hello", PLAN_B)
        definition(tmp_path, named.replace("name: small", "name: large"))
        talk.server.library.refresh(everything=True)
        await talk.say("hello", PLAN_B, session_id="new")
        await talk.say("and?")

        # A session stays with the version that it began with.
        assert [request.body["model"] for request in talk.model.requests] == ["small", "large", "small"]
