"""`parley chat`: a conversation in the terminal."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import click

import parley
from parley_server.cli.calling import answers, calling, no_server, why
from parley_server.cli.printing import print_standing, printable

_START_TIME = timedelta(seconds=20)
_KNOCK_EVERY = timedelta(milliseconds=100)


def converse(address: str, *, session_id: str | None, assistant: str, start_server: bool) -> None:
    """Talks until the end of the input, and says how to go on later.

    Raises:
        ClickException: No server answers at the address, or none can be started there.
    """
    with _server(address, start=start_server), calling(address, retry=parley.RetryPolicy()) as client:
        conversation = client.conversation(session_id, assistant=assistant)
        click.echo(f"session {conversation.session_id}; an empty line or Ctrl-D ends")
        while message := _ask():
            _take_turn(conversation, message, address)
        starting = " --start-server" if start_server else ""
        click.echo(f"\nto go on: parley chat --address {address} --session {conversation.session_id}{starting}")


def _take_turn(conversation: parley.Conversation, message: str, address: str) -> None:
    within_line = False
    try:
        for event in conversation.chat(message):
            _print(event)
            within_line = isinstance(event, parley.TextDelta)
    except parley.ParleyError as error:
        if within_line:
            click.echo()
        click.secho(f"  {printable(why(error, address))}", fg="red")


def _print(event: parley.Event) -> None:
    match event:
        case parley.TextDelta(text=text):
            click.echo(printable(text), nl=False)
        case parley.Restarted():
            click.secho("\n  (again from the start)", dim=True)
        case parley.SlotsChanged(rejected=rejected) if rejected:
            click.secho("  refused: " + ", ".join(refused.slot for refused in rejected), fg="yellow")
        case parley.TurnCompleted(session=session):
            click.echo()
            print_standing(session)


def _ask() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


@contextmanager
def _server(address: str, *, start: bool) -> Iterator[None]:
    """Starts a server at the address unless one answers there, and stops it at the end."""
    if answers(address):
        yield
        return
    if not start:
        raise click.ClickException(f"{no_server(address)}, or --start-server")
    command = [sys.executable, "-m", "parley_server", "serve", "--listen", address, "--log-level", "warning"]
    with subprocess.Popen(command) as process:  # noqa: S603  # our own command; the address is an argument of it
        try:
            deadline = time.monotonic() + _START_TIME.total_seconds()
            while not answers(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise click.ClickException(f"no server could be started at {address}")
                time.sleep(_KNOCK_EVERY.total_seconds())
            yield
        finally:
            process.terminate()
