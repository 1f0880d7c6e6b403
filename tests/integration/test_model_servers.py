"""A model's server seen from several workers, and from an assistant that is changed while it is served."""

import asyncio
import signal
from pathlib import Path

from support.model_answers import Says, TokenGate
from support.model_server import ModelServer
from support.model_talks import CHAT, PLAN_B, talking
from support.servers import definition
from support.waiting import until
from support.worker_processes import workers

import parley


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


async def test_workers_share_a_session_and_one_that_is_stopped_finishes_what_the_model_writes(tmp_path: Path) -> None:
    gate = TokenGate()
    gate.release()
    file = definition(tmp_path, CHAT)
    async with ModelServer.running(*[Says("Hello.")] * 2, Says("one two", gate=gate)) as model:
        options = ("--assistant", str(file), "--model", "m", "--base-url", model.base_url)
        with workers(tmp_path, *options) as (process, address):
            for message in ("hello", PLAN_B, "and?"):
                # Each client is a connection of its own, which may reach another worker.
                async with parley.AsyncClient(address) as client:
                    await client.say(message, session_id="s")
            async with parley.AsyncClient(address, retry=None) as client:
                turn = asyncio.create_task(client.say("so?", session_id="s"))
                await until(lambda: gate.sent == 1)
                process.send_signal(signal.SIGTERM)
                asyncio.get_running_loop().call_later(0.1, gate.open)
                done = await turn
            _, log = await asyncio.to_thread(process.communicate)

    assert (done.reply, done.session.turn_count, process.returncode) == ("one two", 4, 0)
    assert log.count("the model m understands and writes") == 2
    assert "Traceback" not in log
