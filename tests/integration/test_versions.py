"""Assistants that change while their sessions live, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from support.servers import definition, serving

import parley
from parley_server.app import Running
from parley_server.cli.commands import parley as cli

FIRST = """
assistant: order
slots:
  size: {type: integer, prompt: "Which size?"}
  paint: {type: choice, choices: [red, blue], prompt: "Which paint?"}
flows:
  order:
    states:
      ask: {collect: [size, paint], next: done}
      done: {say: "{{ slots.size }}, done."}
"""
SECOND = FIRST.replace("Which paint?", "What paint?")
RENAMED = (
    FIRST.replace("paint", "color")
    .replace("ask:", "details:")
    .replace("slots:", "slots:\n  gift: {type: boolean, required: false}", 1)
)
RULE = "migrate: {slots: {paint: color}, states: {order/ask: order/details}, defaults: {gift: false}}\n"

Served = tuple[Running, parley.AsyncClient]


@asynccontextmanager
async def assistant(folder: Path, text: str) -> AsyncIterator[Served]:
    """A server with one assistant, on the folder's database."""
    store = f"sqlite:///{folder / 'parley.db'}"
    async with serving(store=store, assistant=(definition(folder, text),)) as served:
        yield served


async def test_a_changed_file_is_loaded_and_sessions_stay_with_their_version(tmp_path: Path) -> None:
    async with assistant(tmp_path, FIRST) as (server, client):
        old = (await client.say("hi", session_id="old")).session.assistant_version

        definition(tmp_path, SECOND)
        server.library.refresh()

        stays = await client.say("2", session_id="old")
        new = await client.say("2", session_id="new")
        assert (stays.reply, stays.session.assistant_version) == ("Which paint?", old)
        assert (new.reply, new.session.assistant_version != old) == ("What paint?", True)


async def test_a_file_that_has_become_defective_replaces_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with assistant(tmp_path, FIRST) as (server, client):
        definition(tmp_path, FIRST.replace("next: done", "next: nowhere"))
        server.library.refresh()

        assert (await client.say("2", session_id="s")).reply == "Which paint?"
        assert "assistant.yaml:9:37: flows.order.states.ask.next: there is no state `nowhere`" in caplog.text

        definition(tmp_path, SECOND)
        server.library.refresh()
        assert (await client.say("2", session_id="t")).reply == "What paint?"


CODED = FIRST.replace("{type: integer,", "{type: integer, validate: 'sizes:check',")


async def test_code_that_was_changed_serves_the_sessions_of_its_version_and_broken_code_replaces_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = tmp_path / "sizes.py"
    code.write_text("def check(value, known): return 'Too big.' if value > 5 else None\n")
    async with assistant(tmp_path, CODED) as (server, client):
        before = await client.say("9", session_id="s")
        assert before.reply == "Too big. Which size?"

        code.write_text("def check(value, known) return 'Far too big.'\n")
        server.library.refresh()
        assert (await client.say("8", session_id="s")).reply == "Too big. Which size?"
        assert "assistant.yaml:4:25: slots.size.validate.0: `sizes` can not be imported: SyntaxError" in caplog.text

        code.write_text("def check(value, known): return 'Far too big.' if value > 5 else None\n")
        server.library.refresh()
        after = await client.say("7", session_id="s")
        assert (after.reply, after.session.assistant_version) == (
            "Far too big. Which size?",
            before.session.assistant_version,
        )


async def test_all_is_read_again_when_that_is_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with assistant(tmp_path, FIRST) as (server, _):
        server.library.refresh()
        assert "loaded version" not in caplog.text

        server.library.refresh(everything=True)
        assert "loaded version" in caplog.text


async def test_a_file_that_is_gone_replaces_nothing(tmp_path: Path) -> None:
    async with assistant(tmp_path, FIRST) as (server, client):
        (tmp_path / "assistant.yaml").unlink()
        server.library.refresh()

        assert (await client.say("2", session_id="s")).reply == "Which paint?"


async def test_a_session_moves_to_a_newer_version_by_its_rule(tmp_path: Path) -> None:
    async with assistant(tmp_path, FIRST) as (_, client):
        await client.say("red", session_id="s")

    async with assistant(tmp_path, RENAMED + RULE) as (_, client):
        seen = await client.get_session("s")
        assert (seen.state, seen.slots) == ("order/details", {"color": "red", "gift": False})

        reply = await client.say("3", session_id="s")
        assert reply.session.slots == {"color": "red", "gift": False, "size": 3}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SECOND, "declares no `migrate` rule"),
        (SECOND + "migrate: {versions: [abc]}\n", "is not for version"),
        (RENAMED + "migrate: {slots: {paint: color}}\n", "stands at order/ask"),
        (FIRST.replace("[red, blue]", "[green, blue]") + "migrate: {}\n", "slot paint does not fit"),
    ],
)
async def test_a_session_that_can_not_move_is_refused_and_kept(tmp_path: Path, text: str, reason: str) -> None:
    async with assistant(tmp_path, FIRST) as (_, client):
        before = (await client.say("red", session_id="s")).session

    async with assistant(tmp_path, text) as (_, client):
        for call in (client.say("3", session_id="s"), client.get_session("s")):
            with pytest.raises(parley.ParleyError, match=reason) as caught:
                await call
            assert caught.value.status is grpc.StatusCode.FAILED_PRECONDITION
            assert caught.value.reason is parley.Reason.VERSION_NOT_LOADED

    async with assistant(tmp_path, FIRST) as (_, client):
        after = await client.get_session("s")
        assert (after.slots, after.state, after.turn_count) == (before.slots, before.state, before.turn_count)


async def test_one_server_leads_conversations_of_several_assistants(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text('assistant: echo\nflows: {f: {states: {s: {say: "You said {{ message }}."}}}}\n')
    async with serving(assistant=(definition(tmp_path, FIRST), other)) as (_, client):
        assert (await client.say("hi", session_id="a", assistant="echo")).session.assistant == "echo"
        assert (await client.say("hi", session_id="b")).session.assistant == "order"
        with pytest.raises(parley.UnknownAssistant, match="led by `echo`"):
            await client.say("hi", session_id="a", assistant="order")


async def test_what_becomes_of_stored_sessions_is_listed_beforehand(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'parley.db'}"
    async with assistant(tmp_path, FIRST) as (_, client):
        await client.say("red", session_id="fits")
        await client.say("blue", session_id="misfit")
    newer = FIRST.replace("[red, blue]", "[red, green]") + "migrate: {}\n"

    def listed(text: str) -> tuple[int, list[str]]:
        run = CliRunner().invoke(
            cli, ["migrate", "--dry-run", "--store", url, str(definition(tmp_path, text))], catch_exceptions=False
        )
        return run.exit_code, sorted(run.stdout.splitlines())

    assert await asyncio.to_thread(listed, FIRST) == (
        0,
        ["2 kept, 0 mapped, 0 blocked", "kept     fits", "kept     misfit"],
    )
    code, lines = await asyncio.to_thread(listed, newer)
    assert (code, lines[0]) == (1, "0 kept, 1 mapped, 1 blocked")
    assert lines[1].startswith("blocked  misfit the session began with version")
    assert lines[1].endswith("its slot paint does not fit: choose one of: red, green")
    assert lines[2] == "mapped   fits"


@pytest.mark.parametrize("url", ["sqlite:///{folder}/absent.db", "file://{folder}/absent"])
def test_a_survey_of_a_store_that_is_not_there_makes_none(tmp_path: Path, url: str) -> None:
    file = definition(tmp_path, FIRST)
    before = sorted(tmp_path.iterdir())

    run = CliRunner().invoke(cli, ["migrate", "--dry-run", "--store", url.format(folder=tmp_path), str(file)])

    assert run.exit_code == 1
    assert f"there is no store at {tmp_path}/absent" in run.output
    assert sorted(tmp_path.iterdir()) == before
