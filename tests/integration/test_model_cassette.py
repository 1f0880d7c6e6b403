"""A conversation whose calls of the model were recorded, played again through the whole server.

A change of the prompts, or of what is put into them, makes this fail and says what differs. Then record it anew, with a
real model as `support.cassettes` says, or with the one that is scripted here:

    PYTHONPATH=tests .venv/bin/python tests/integration/test_model_cassette.py
"""

import asyncio
import tempfile
from pathlib import Path

from support.cassettes import cassette, recording
from support.model_answers import Says, says_json
from support.model_server import ModelServer
from support.repository import ROOT
from support.servers import at_noon, definition, serving
from support.understanding import proposal

import parley

CASSETTE = ROOT / "tests" / "cassettes" / "wine.jsonl"

WINE = """
assistant: wine
nlu: cascade
model:
  instructions: You speak for the wine shop "Cork". It sells red and white wine at 12 euro a bottle.
  recent_turns: 4
slots:
  colour: {type: choice, prompt: Red or white?, choices: {red: [], white: []}}
  bottles: {type: integer, prompt: How many bottles?}
flows:
  shop:
    states:
      form: {collect: [colour, bottles], next: noted}
      noted: {say: "{{ slots.bottles }} of {{ slots.colour }}, noted.", next: talk}
      talk:
        generate: {instructions: Answer questions about the order., otherwise: A colleague will call you.}
        on: [{when: confirm, to: bye}]
      bye: {phase: completion, say: Goodbye!}
"""

MESSAGES = [
    "hello",
    "the colour of blood, I guess",
    "as many as a small crate holds, my dear",
    "what goes with it?",
    "yes",
]

SCRIPT = (
    says_json(proposal()),
    says_json(proposal(slots={"colour": "red", "bottles": None})),
    says_json(proposal(slots={"colour": None, "bottles": 6})),
    Says("Six bottles of red, that makes 72 euro."),
    says_json(proposal()),
    Says("A roast, or some old cheese \U0001f9c0."),
)
"""What the scripted model says, in order."""


async def spoken(base_url: str, folder: Path) -> list[parley.TurnCompleted]:
    """The conversation, with the model at this address."""
    file = definition(folder, WINE)
    async with serving(clock=at_noon, model="m", base_url=base_url, assistant=(file,)) as (_, client):
        return [await client.say(message, session_id="s") for message in MESSAGES]


async def test_a_recorded_conversation_is_played_again(tmp_path: Path) -> None:
    async with cassette(CASSETTE) as server:
        turns = await spoken(server.base_url, tmp_path)
        streamed = [request.streamed for request in server.requests]

    assert not any(turn.degraded for turn in turns)
    assert turns[-1].session.slots == {"colour": "red", "bottles": 6}
    assert [turn.session.state for turn in turns] == ["shop/form"] * 2 + ["shop/talk"] * 2 + ["shop/bye"]
    assert all(turn.reply for turn in turns)
    assert True in streamed
    assert False in streamed
    assert sum(turn.usage.output_tokens for turn in turns) > 0


async def record() -> None:
    """Records the scripted model."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            ModelServer.running(*SCRIPT) as model,
            recording(CASSETTE, base_url=model.base_url, key="") as server,
        ):
            for turn in await spoken(server.base_url, Path(folder)):
                print(turn.reply)  # noqa: T201  # for who records


if __name__ == "__main__":
    asyncio.run(record())
