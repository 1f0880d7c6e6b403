"""What a model is told of a long conversation: a bounded prompt, the rest dropped or summed up, as the author chose."""

import json
from pathlib import Path

import pytest
from support.model_answers import Chosen, Says
from support.model_exchange import Behaviour, ModelRequest
from support.model_faults import Status
from support.model_talks import Talk, talking

from parley_server.models.prompts import tokens_of

MEMORY = """
assistant: memory
nlu: rules
model: {{recent_turns: {recent}, prompt_tokens: {tokens}, older: {older}}}
flows:
  main:
    states:
      talk: {{generate: Chat., on: [{{when: "message == 'bye'", to: end}}]}}
      end: {{say: Bye.}}
"""


def is_summary(request: ModelRequest) -> bool:
    return request.said("system").startswith("You sum up")


def counting(body: dict[str, list[dict[str, str]]]) -> Says:
    """Sums up by naming what it was given first and last; answers everything else."""
    if not body["messages"][0]["content"].startswith("You sum up"):
        return Says("Indeed.")
    asked = json.loads(body["messages"][-1]["content"])
    said = [message["user"] for message in asked["messages"] if "user" in message]
    first = asked["summary"].split(" to ")[0] or f"From {said[0][:4]}"
    return Says(f"{first} to {said[-1][:4]}")


def memory(older: str, *, recent: int = 5, tokens: int = 3000) -> str:
    return MEMORY.format(older=older, recent=recent, tokens=tokens)


def replies(talk: Talk) -> list[ModelRequest]:
    """What the model was asked to answer."""
    return [request for request in talk.model.requests if not is_summary(request)]


def shown(request: ModelRequest) -> list[str]:
    """The users' messages of the turns before that a request shows."""
    return [m["content"][:4] for m in request.body["messages"][1:-1] if m["role"] == "user"]


def size(request: ModelRequest) -> int:
    return sum(tokens_of(message["content"]) for message in request.body["messages"])


async def test_sixty_turns_are_summed_up_and_the_prompt_stays_as_long_as_it_was(tmp_path: Path) -> None:
    async with talking(tmp_path, Chosen(counting), text=memory("summarize")) as talk:
        for number in range(60):
            done = await talk.say(f"m{number:03} " + "word " * 20)
            assert not done.degraded

        asked = replies(talk)
        assert len(asked) == 60
        assert max(map(size, asked[20:])) <= max(map(size, asked[:20])) + 20
        assert max(len(shown(request)) for request in asked) == 10
        # A turn is in the summary, or it is shown.
        for number, request in enumerate(asked[12:], 12):
            before = json.loads(request.body["messages"][-1]["content"])["before"]
            first, last = before.removeprefix("From ").split(" to ")
            assert first == "m000"
            assert shown(request) == [f"m{n:03}" for n in range(int(last[1:]) + 1, number)]
        assert 8 <= talk.model.calls - 60 <= 12


async def test_old_turns_are_dropped_where_the_author_wants_no_summary(tmp_path: Path) -> None:
    async with talking(tmp_path, Says("Indeed."), text=memory("drop")) as talk:
        for number in range(12):
            await talk.say(f"m{number:03}")

        assert shown(replies(talk)[-1]) == [f"m{number:03}" for number in range(6, 11)]
        assert "before" not in json.loads(replies(talk)[-1].body["messages"][-1]["content"])
        assert talk.model.calls == 12


@pytest.mark.parametrize("older", ["drop", "summarize"])
async def test_long_turns_leave_room_for_fewer_of_them(tmp_path: Path, older: str) -> None:
    async with talking(tmp_path, Chosen(counting), text=memory(older, tokens=1000)) as talk:
        for number in range(8):
            await talk.say(f"m{number:03} " + "x" * 1200)
        await talk.say("m008 " + "x" * 15_000)
        await talk.say("m009")

        assert shown(replies(talk)[7]) == ["m005", "m006"]
        assert shown(replies(talk)[9]) == []
        summaries = [request for request in talk.model.requests if is_summary(request)]
        assert all(size(request) < 2000 for request in summaries)
        assert bool(summaries) is (older == "summarize")


@pytest.mark.parametrize("failure", [Status(401), Says("No.", refused=True), Says(" \x00 ")])
async def test_a_summary_that_fails_is_made_up_for_and_no_turn_is_lost(tmp_path: Path, failure: Behaviour) -> None:
    def failing(body: dict[str, list[dict[str, str]]]) -> Behaviour:
        return failure if body["messages"][0]["content"].startswith("You sum up") else Says("Indeed.")

    async with talking(tmp_path, Chosen(failing), text=memory("summarize")) as talk:
        for number in range(13):
            done = await talk.say(f"m{number:03}")
            assert (done.degraded, done.reply) == (False, "Indeed.")
        talk.model.script(Chosen(counting))
        await talk.say("m013")
        await talk.say("m014")

        before = json.loads(replies(talk)[-1].body["messages"][-1]["content"])["before"]
        assert before == "From m000 to m007"
        assert shown(replies(talk)[-1]) == [f"m{number:03}" for number in range(8, 14)]


async def test_a_summary_that_does_not_end_is_cut(tmp_path: Path) -> None:
    def rambling(body: dict[str, list[dict[str, str]]]) -> Says:
        return Says("la " * 5000 if body["messages"][0]["content"].startswith("You sum up") else "Indeed.")

    async with talking(tmp_path, Chosen(rambling), text=memory("summarize", recent=1)) as talk:
        for number in range(4):
            await talk.say(f"m{number:03}")

        assert len(json.loads(replies(talk)[-1].body["messages"][-1]["content"])["before"]) == 2000


async def test_what_is_summed_up_costs(tmp_path: Path) -> None:
    async with talking(tmp_path, Says("Indeed.", usage=(10, 1)), text=memory("summarize", recent=1)) as talk:
        used = [(await talk.say(f"m{number}")).usage.input_tokens for number in range(3)]

    assert used == [10, 10, 20]
