"""Assistants while time passes: a server process that reads them again, states that wait too long, and handing back."""

import signal
from datetime import timedelta
from pathlib import Path

from support.servers import NOW, definition, serving
from support.terminals import serving as process

import parley

SHOP = """
assistant: shop
slots: {size: {type: integer, prompt: "Which size?", validate: "sizes:check"}}
flows: {shop: {states: {ask: {collect: [size], next: end}, end: {say: "Size {{ slots.size }} it is."}}}}
"""
CODE = "def check(value: int, known): return '{} at the most.' if value > 5 else None\n"


def test_a_server_finds_code_beside_a_definition_from_any_folder_and_reads_both_again(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "elsewhere").mkdir()
    path, code = definition(tmp_path / "shop", SHOP), tmp_path / "shop" / "sizes.py"
    code.write_text(CODE.format("Five"))
    options = ("--store", "memory://", "--assistant", "../shop/assistant.yaml")
    with process(tmp_path / "elsewhere", *options) as server, parley.Client(server.address) as client:
        assert client.say("7", session_id="s").reply == "Five at the most. Which size?"

        path.write_text(SHOP.replace("Which size?", "What size?"))
        server.logged("loaded version")
        assert client.say("hi", session_id="t").reply == "What size?"

        code.write_text("def check(value: int, known) return None\n")
        server.logged("`sizes` can not be imported: SyntaxError")
        assert client.say("7", session_id="t").reply == "Five at the most. What size?"

        code.write_text(CODE.format("Only five"))
        server.process.send_signal(signal.SIGHUP)
        while (reply := client.say("7", session_id="t").reply) != "Only five at the most. What size?":
            assert reply == "Five at the most. What size?"
        assert (server.process.poll(), "Traceback" in server.log.read_text()) == (None, False)


TIMED = """
assistant: timed
slots: {size: {type: integer, prompt: "Which size?"}}
intents: {human: {examples: [a human please], handoff: the user asked}}
flows:
  timed:
    states:
      ask: {collect: [size], expires_after: 30m, expired: late, next: end}
      late: {phase: processing, say: "Too late.", on: [{when: always, to: ask}]}
      end: {say: Done.}
"""


async def test_who_looks_at_a_session_finds_it_where_the_state_that_waited_too_long_leads(tmp_path: Path) -> None:
    now = NOW
    async with serving(clock=lambda: now, assistant=(definition(tmp_path, TIMED),), idle_expiry=0.0) as (_, client):
        await client.say("hi", session_id="s")
        now += timedelta(minutes=29)
        assert (await client.get_session("s")).state == "timed/ask"

        now += timedelta(minutes=1)
        seen = await client.get_session("s")
        assert (seen.state, seen.phase, seen.turn_count) == ("timed/late", parley.Phase.PROCESSING, 1)

        reply = await client.say("2", session_id="s")
        assert reply.reply.startswith("Too late.")


async def test_a_conversation_that_was_handed_off_is_quiet_until_it_is_handed_back(tmp_path: Path) -> None:
    async with serving(assistant=(definition(tmp_path, TIMED),)) as (_, client):
        await client.say("hi", session_id="s")
        given = await client.say("a human please", session_id="s")
        assert given.session.handoff
        assert given.session.handoff.reason == "the user asked"
        assert given.session.handoff.summary == "user: hi\nassistant: Which size?\nuser: a human please"

        assert (await client.say("2", session_id="s")).reply == ""
        back = await client.say("2", session_id="s", handed_back=True)
        assert (back.reply, back.session.handoff) == ("Done.", None)
