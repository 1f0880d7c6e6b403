"""Code of an author as a server runs it: never on the event loop, and with what its author was promised."""

import asyncio
import threading
from pathlib import Path

import pytest
from support import blocking
from support.servers import definition, serving

import parley


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


async def test_what_callers_give_passes_the_code_too(tmp_path: Path) -> None:
    async with serving(assistant=(definition(tmp_path, blocking.BLOCKING),)) as (_, client):
        with pytest.raises(parley.ParleyError) as caught:
            await client.say("hi", session_id="s", slots={"code": "no"})

        assert caught.value.reason is parley.Reason.INVALID_REQUEST
        assert [(v.field, v.description) for v in caught.value.violations] == [("slots.code", "No.")]
