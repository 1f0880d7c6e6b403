"""Code of an author as a server runs it: never on the event loop, and with what its author was promised."""

import asyncio
import threading
from pathlib import Path

import pytest
from support import blocking
from support.servers import definition, serving

import parley
from parley_server.core.assistant import Assistant
from parley_server.core.flow import DialogFlow, DialogState


@pytest.mark.parametrize("where", ["find", "check"])
async def test_code_that_blocks_holds_up_its_own_turn_alone(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = blocking.Barrier()
    monkeypatch.setattr(blocking, "barrier", barrier)
    async with serving(assistant=(definition(tmp_path, blocking.BLOCKING),)) as (_, client):
        blocked = asyncio.create_task(client.say(f"block {where}", session_id="blocked"))
        await asyncio.to_thread(barrier.reached.wait, 30)

        free = await client.say("the code is 7", session_id="free")
        assert (free.reply, blocked.done()) == ("Done with 7.", False)

        barrier.opened.set()
        assert (await blocked).reply == f"Done with {where}."
    assert threading.get_ident() not in barrier.threads


async def test_an_assistant_made_in_python_is_served() -> None:
    hello = DialogFlow("hello", [DialogState(name="hello", say="Hello from Python.")])
    made = Assistant(name="made", version="1", flows={"hello": hello}, initial_flow="hello")
    async with serving(assistants=(made,)) as (_, client):
        reply = await client.say("hi")

    assert (reply.reply, reply.session.assistant) == ("Hello from Python.", "made")


async def test_code_is_told_when_a_turn_is_only_tried_out(tmp_path: Path) -> None:
    (tmp_path / "trying.py").write_text(
        "from parley_server.core.reactions import Reaction\n"
        "def act(scope): return Reaction(say='Tried.' if scope.dry_run else 'Done.')\n"
    )
    text = "assistant: trying\nflows: {f: {states: {s: {run: 'trying:act', on: [{when: always, to: s}]}}}}\n"
    async with serving(assistant=(definition(tmp_path, text),)) as (_, client):
        assert (await client.say("hi", session_id="s", dry_run=True)).reply.startswith("Tried.")
        assert (await client.say("hi", session_id="s")).reply.startswith("Done.")


async def test_what_callers_give_passes_the_code_too(tmp_path: Path) -> None:
    async with serving(assistant=(definition(tmp_path, blocking.BLOCKING),)) as (_, client):
        with pytest.raises(parley.ParleyError) as caught:
            await client.say("hi", session_id="s", slots={"code": "no"})

        assert caught.value.reason is parley.Reason.INVALID_REQUEST
        assert [(v.field, v.description) for v in caught.value.violations] == [("slots.code", "No.")]
