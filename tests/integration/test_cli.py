"""The command line, as processes: serving, talking, looking at sessions, and what is said when something is wrong."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from support.ports import free_port
from support.scripted_service import Attempt, ScriptedService, refused
from support.scripted_service import serving as scripted
from support.servers import definition
from support.terminals import PARLEY, Server, Terminal, environment, run, serving

import parley
from parley.v1 import conversation_pb2 as wire
from parley_server.cli import commands
from parley_server.cli.calling import why

ANOTHER = "assistant: another\nflows: {main: {states: {start: {say: Another one.}}}}\n"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal(tmp_path, *arguments))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), "--store", "memory://") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[parley.Client]:
    with parley.Client(server.address) as client:
        yield client


def invoke(*arguments: str) -> Result:
    """Runs a command in this process."""
    return CliRunner().invoke(commands.parley, arguments, prog_name="parley")


# Serving.


def test_serve_needs_no_option_and_ends_well_when_it_is_told_to(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with parley.Client(server.address) as client:
            assert client.say("hi", session_id="s-1").reply.startswith("Hello! I book appointments.")
        server.process.send_signal(signal.SIGTERM)

        assert server.ended() == 0
        assert (tmp_path / "parley.db").exists()
        server.logged(f"serving booking at {server.address}, sessions in sqlite:///parley.db")
        assert "Traceback" not in server.log.read_text()


def test_a_second_signal_does_not_wait_for_open_calls(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--store", "memory://", "--grace", "1000") as server,
        parley.Client(server.address) as client,
    ):
        client.say("hi", session_id="s-1")
        following = client.follow("s-1")
        next(following)
        server.process.send_signal(signal.SIGINT)
        server.logged("stopping")
        server.process.send_signal(signal.SIGINT)

        assert server.ended() == 1
        server.logged("Aborted!")
        assert "Traceback" not in server.log.read_text()


def test_the_environment_sets_what_options_set(tmp_path: Path) -> None:
    booking = Path(__file__).parents[2] / "examples" / "booking.yaml"
    assistants = f"{definition(tmp_path, ANOTHER)}:{booking}"

    with serving(tmp_path, PARLEY_STORE="memory://", PARLEY_ASSISTANT=assistants) as server:
        server.logged("serving another, booking at")
        with parley.Client(server.address) as client:
            assert client.say("hi").reply == "Another one."
            assert client.say("hi", assistant="booking").session.assistant == "booking"

    assert not (tmp_path / "parley.db").exists()


def test_all_that_is_wrong_with_the_settings_is_said_at_once(tmp_path: Path) -> None:
    ended = run("serve", "--listen", "nowhere", "--grace", "-1", folder=tmp_path, PARLEY_LOG_LEVEL="loud")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Error: --listen: write HOST:PORT",
        "--grace: must be 0 to 1e9",
        "--log-level: one of debug, info, warning, error",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--store", "nothing://x"], "no store has the scheme of 'nothing://x'"),
        (["--store", "memory://", "--durability", "disk"], "less than the 'disk' that is asked for"),
        (["--assistant", "missing.yaml"], "missing.yaml: can not be read"),
        (["--assistant", "assistant.yaml"], "assistant.yaml:1:1: flows: this key is needed"),
    ],
)
def test_a_server_that_can_not_start_says_why_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    definition(tmp_path, "assistant: a\n")

    ended = invoke("serve", "--listen", "127.0.0.1:0", *options)

    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: ")
    assert sentence in ended.stderr
    assert isinstance(ended.exception, SystemExit)


def test_a_port_that_is_taken_is_said_to_be(server: Server, tmp_path: Path) -> None:
    ended = run("serve", "--store", "memory://", folder=tmp_path, PARLEY_LISTEN=server.address)

    assert ended.returncode == 1
    assert f"Error: can not listen at {server.address}: is the port taken?" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("package", ["click", "jinja2"])
def test_a_command_whose_packages_are_missing_says_how_to_get_them(package: str, tmp_path: Path) -> None:
    without = (
        "import importlib.abc, sys\n"
        "class Without(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "sys.argv = ['parley', 'serve']\n"
        "from parley_server.cli import main\n"
        "main()\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", without], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        f"parley: the commands need more packages ({package}): install parley with its extra `server`: "
        "pip install '.[server]' in its source\n"
    )


# Talking.


def test_a_conversation_goes_on_when_the_server_is_killed_and_started_again(
    tmp_path: Path, terminal: Callable[..., Terminal]
) -> None:
    with serving(tmp_path) as server:
        talk = terminal("chat", "--address", server.address)
        talk.sees("session ")
        session_id = talk.sees(";")
        talk.sees("> ")
        talk.type("hi\n")
        talk.sees("Hello! I book appointments.")
        talk.sees("[booking/details · missing service, date, time, name, email]")
        server.process.kill()
        server.ended()

    with serving(tmp_path, address=server.address):
        talk.type("a consultation please\n")
        talk.sees("Which day suits you?")
        talk.sees("[booking/details · service=consultation · missing date, time, name, email]")
        talk.type("yesterday\n")
        talk.sees("refused: date")
        talk.sees("> ")
        talk.type("\x04")

        status, last = talk.ended()

    assert status == 0
    assert f"to go on: parley chat --address {server.address} --session {session_id}" in last


def test_chat_starts_a_server_where_none_answers_and_stops_it_at_the_end(
    tmp_path: Path, terminal: Callable[..., Terminal]
) -> None:
    address = f"127.0.0.1:{free_port()}"

    talk = terminal("chat", "--address", address, "--start-server")
    talk.sees("> ")
    talk.type("hi\n")
    talk.sees("Hello! I book appointments.")
    talk.sees("> ")
    talk.type("\n")
    status, said = talk.ended()

    assert status == 0
    assert "Traceback" not in said
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(timeout=0.2)


def test_chat_uses_the_server_that_answers(server: Server, terminal: Callable[..., Terminal]) -> None:
    talk = terminal(
        "chat", "--address", server.address, "--start-server", "--session", "mine", "--assistant", "booking"
    )
    talk.sees("session mine;")
    talk.type("hi\n")
    talk.sees("Hello!")
    talk.sees("> ")
    talk.type("\x04")

    assert talk.ended()[0] == 0
    assert server.process.poll() is None


def test_a_turn_that_is_refused_is_a_line_and_the_conversation_goes_on(
    server: Server, terminal: Callable[..., Terminal]
) -> None:
    talk = terminal("chat", "--address", server.address, "--assistant", "nobody")
    talk.sees("> ")
    talk.type("hi\n")
    assert "Traceback" not in talk.sees("assistant: ")
    talk.sees("> ")
    talk.type("\x04")

    assert talk.ended()[0] == 0


async def test_what_a_turn_failed_with_begins_a_line_of_its_own_after_a_piece_of_its_reply(
    terminal: Callable[..., Terminal],
) -> None:
    begun = wire.ChatEvent(turn_started=wire.TurnStarted(session_id="s-1", turn=1))
    pieces = [begun, wire.ChatEvent(text_delta=wire.TextDelta(text="We"))]
    service = ScriptedService()
    failure = refused(grpc.StatusCode.FAILED_PRECONDITION, "ASSISTANT_FAILED")
    service.script.append(Attempt([wire.ChatResponse(events=pieces)], failure))
    async with scripted(service) as address:
        talk = terminal("chat", "--address", address)
        await asyncio.to_thread(talk.sees, "> ")
        await asyncio.to_thread(talk.type, "hi\n")

        await asyncio.to_thread(talk.sees, "We\r\n")
        await asyncio.to_thread(talk.sees, "  refused: ASSISTANT_FAILED")


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (["chat"], ", or --start-server"),
        (["explain", "hi"], ""),
        (["session", "get", "s-1"], ""),
        (["session", "follow", "s-1"], ""),
        (["session", "end", "s-1"], ""),
    ],
)
def test_without_a_server_a_command_says_so_at_once(command: list[str], more: str) -> None:
    address = f"127.0.0.1:{free_port()}"

    ended = invoke(*command, "--address", address)

    assert ended.exit_code == 1
    assert ended.stderr == f"Error: no server answers at {address}: `parley serve` starts one{more}\n"
    assert isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (parley.Reason.UNSPECIFIED, "no server answers at here:1: `parley serve` starts one"),
        (parley.Reason.STORE_UNAVAILABLE, "the text"),
    ],
)
def test_a_server_that_goes_away_is_told_from_one_that_refuses(reason: parley.Reason, said: str) -> None:
    error = parley.Unavailable("the text", status=grpc.StatusCode.UNAVAILABLE, reason=reason)

    assert why(error, "here:1") == said


# Looking at sessions.


def test_a_turn_is_explained_without_being_taken(server: Server, client: parley.Client) -> None:
    client.say("hi", session_id="explained")

    shown = invoke("explain", "sales", "--session", "explained", "--address", server.address)

    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert "  branch           explain: help does not hold" in lines
    assert "→ slot             service: the message gives a value" in lines
    assert lines[-2] == "Which day suits you?"
    assert client.get_session("explained").turn_count == 1


def test_a_session_is_printed_with_its_turns(server: Server, client: parley.Client) -> None:
    reply = client.say("a consultation please", session_id="printed")

    plain = invoke("session", "get", "printed", "--address", server.address)
    whole = invoke("session", "get", "printed", "--address", server.address, "--history")

    assert (plain.exit_code, whole.exit_code) == (0, 0)
    assert plain.stdout.splitlines() == [
        "printed",
        "  information_gathering at booking/details, 1 turn",
        "  service = consultation",
        "  missing: date, time, name, email",
    ]
    assert whole.stdout.splitlines() == [
        *plain.stdout.splitlines(),
        "   1 > a consultation please",
        f"       {reply.reply}",
    ]


def test_what_users_say_does_not_command_the_terminal(
    server: Server, client: parley.Client, terminal: Callable[..., Terminal]
) -> None:
    client.say("\x1b]0;owned\x07 \x1b[2J I'm Mallory", session_id="hostile")

    status, shown = terminal("session", "get", "hostile", "--history", "--address", server.address).ended()

    assert status == 0
    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown
    assert "\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}" in shown


def test_a_session_is_followed_until_it_ends(server: Server, client: parley.Client, tmp_path: Path) -> None:
    client.say("hi", session_id="followed")
    command = [str(PARLEY), "session", "follow", "followed", "--address", server.address]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        seen = following.stdout
        assert next(seen) == "followed\n"
        assert next(line for line in seen if ">" in line) == "   1 > hi\n"
        client.say("support", session_id="followed")
        assert next(line for line in seen if ">" in line) == "   2 > support\n"
        client.end_session("followed")

        assert list(seen)[-1] == "the session has ended\n"
    assert following.returncode == 0


def test_a_session_is_ended_and_its_transcript_printed(server: Server, client: parley.Client) -> None:
    client.say("hi", session_id="ended")

    ended = invoke("session", "end", "ended", "--address", server.address, "--history")
    again = invoke("session", "end", "ended", "--address", server.address)
    allowed = invoke("session", "end", "ended", "--address", server.address, "--allow-missing")

    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[0] == "ended"
    assert "   1 > hi" in ended.stdout.splitlines()
    assert (again.exit_code, again.stderr) == (1, "Error: no such session: it never was, has ended, or has expired\n")
    assert (allowed.exit_code, allowed.output) == (0, "")
