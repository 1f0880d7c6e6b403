"""The commands and their options. What a command does stands in a module of its own, imported when it is called."""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

import parley as client
from parley_server.errors import ParleyError
from parley_server.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])

_ADDRESS = click.option(
    "--address", envvar="PARLEY_ADDRESS", default="127.0.0.1:50051", show_default=True, help="The server, HOST:PORT."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="parley")
def parley() -> None:
    """A gRPC conversation-state server, and a client for the terminal."""


def _settings_options(command: _F) -> _F:
    for setting in reversed(fields(Settings)):
        many, is_flag = setting.default == (), setting.default is False
        command = click.option(
            f"--{setting.name.replace('_', '-')}",
            envvar=f"PARLEY_{setting.name.upper()}",
            default=None if many else setting.default,
            show_default=setting.default not in ((), ""),
            multiple=many,
            is_flag=is_flag,
            type=click.Path(path_type=Path) if many else type(setting.default),
            help=setting.metadata["meaning"],
        )(command)
    return command


@parley.command()
@_settings_options
def serve(**options: Any) -> None:
    """Serve assistants over gRPC. Without options: the booking example, SQLite, no key, no other server."""
    # A client's commands do not pay for the server.
    from parley_server import app, logs, workers

    settings = Settings(**options)
    with _clear_errors():
        settings.validate()
        logs.configure_logging(settings.log_level)
        if settings.workers > 1:
            workers.serve_with_workers(settings)
        else:
            app.run(settings)


@parley.command()
@_ADDRESS
@click.option("--session", "session_id", default=None, help="The session to go on with; else a new one.")
@click.option("--assistant", default="", help="The assistant; else the server's default one.")
@click.option("--start-server", is_flag=True, help="Start a server at the address if none answers there.")
def chat(address: str, session_id: str | None, assistant: str, start_server: bool) -> None:  # click's
    """Talk to an assistant in the terminal."""
    from parley_server.cli.chat import converse

    with _clear_errors():
        converse(address, session_id=session_id, assistant=assistant, start_server=start_server)


@parley.command()
@_ADDRESS
@click.argument("message")
@click.option("--session", "session_id", default="", help="The session that the turn would be of; else a new one.")
@click.option("--assistant", default="", help="The assistant; else the server's default one.")
def explain(address: str, message: str, session_id: str, assistant: str) -> None:
    """Say what a turn would do and why, without taking it."""
    from parley_server.cli.calling import calling
    from parley_server.cli.printing import print_explanation

    with calling(address) as server:
        print_explanation(server.say(message, session_id=session_id, assistant=assistant, dry_run=True))


@parley.group()
def session() -> None:
    """Read, follow or end a session."""


@session.command("get")
@_ADDRESS
@click.argument("session_id")
@click.option("--history", is_flag=True, help="Print the turns too.")
def get_session(address: str, session_id: str, history: bool) -> None:
    """Print a session."""
    from parley_server.cli.calling import calling
    from parley_server.cli.printing import print_session, print_turn

    with calling(address) as server:
        print_session(server.get_session(session_id))
        if history:
            for turn in server.history(session_id):
                print_turn(turn)


@session.command("follow")
@_ADDRESS
@click.argument("session_id")
def follow_session(address: str, session_id: str) -> None:
    """Print a session, and its turns as they are committed, until it ends."""
    from parley_server.cli.calling import calling
    from parley_server.cli.printing import print_session, print_turn

    with calling(address, retry=client.RetryPolicy()) as server:
        for update in server.follow(session_id, after_turn=0):
            print_session(update) if isinstance(update, client.Session) else print_turn(update)
        click.echo("the session has ended")


@session.command("end")
@_ADDRESS
@click.argument("session_id")
@click.option("--history", is_flag=True, help="Print the turns too.")
@click.option("--allow-missing", is_flag=True, help="Succeed when there is no such session.")
def end_session(address: str, session_id: str, history: bool, allow_missing: bool) -> None:
    """End a session and print its last state."""
    from parley_server.cli.calling import calling
    from parley_server.cli.printing import print_session, print_turn

    with calling(address) as server:
        ended = server.end_session(session_id, include_history=history, allow_missing=allow_missing)
        if ended.session:
            print_session(ended.session)
        for turn in ended.turns:
            print_turn(turn)


@parley.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print what is found: a line each, or JSON for programs.",
)
def check(files: tuple[Path, ...], form: str) -> None:
    """Report every defect of definitions: what is refused, what can not be reached, left or said.

    The exit status is 1 if there is an error, and 0 if there are warnings alone.
    """
    from parley_server.cli.check import check_files

    if not check_files(files, as_json=form == "json"):
        raise click.exceptions.Exit(1)


@parley.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "mermaid"]),
    default="svg",
    show_default=True,
    help="The kind of picture; SVG needs the extra `graph`.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Where to write it; else to the standard output.")
@click.option("--coverage", type=click.Path(path_type=Path), help="Colour what tests covered: their --coverage-out.")
def graph(file: Path, form: str, output: Path | None, coverage: Path | None) -> None:
    """Draw the flows of a definition."""
    from parley_server.cli.graph import draw

    with _clear_errors():
        draw(file, form=form, output=output, coverage_file=coverage)


@parley.command("test")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--junit", type=click.Path(path_type=Path), help="Write the outcomes as JUnit XML.")
@click.option("--coverage-out", type=click.Path(path_type=Path), help="Write what was covered as JSON.")
@click.option("--coverage-min", type=click.FloatRange(0, 100), default=0, help="Fail below so many percent.")
def rehearse(files: tuple[Path, ...], junit: Path | None, coverage_out: Path | None, coverage_min: float) -> None:
    """Hold scripted conversations with assistants, in this process, and compare what is said.

    The exit status is 1 if a conversation does not go as its script expects, or too little is covered.
    """
    from parley_server.cli.rehearse import rehearse_files

    with _clear_errors():
        if not rehearse_files(files, junit=junit, coverage_out=coverage_out, coverage_min=coverage_min):
            raise click.exceptions.Exit(1)


@parley.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--store", envvar="PARLEY_STORE", default=Settings().store, show_default=True, help="The URL of the store."
)
@click.option("--dry-run", is_flag=True, required=True, help="Only look: sessions move by themselves, with a turn.")
def migrate(files: tuple[Path, ...], store: str, dry_run: bool) -> None:  # noqa: ARG001  # there is but one way
    """List what becomes of the stored sessions when these definitions are served: kept, mapped or blocked.

    The exit status is 1 if a session is blocked.
    """
    from parley_server.cli.migrate import list_sessions

    with _clear_errors():
        if not list_sessions(files, store):
            raise click.exceptions.Exit(1)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Says what went wrong in a sentence; a traceback is for faults alone."""
    try:
        yield
    except ParleyError as error:
        raise click.ClickException(str(error)) from error
    except CancelledError as error:
        # A second signal did not wait for what was open.
        raise click.Abort from error
