"""Several workers on one port and one store, as real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from support.model_server import ModelServer
from support.model_talks import CHAT
from support.ports import free_port
from support.servers import definition
from support.waiting import until

import parley
from parley_server.settings import Settings
from parley_server.workers import serve_with_workers

PATIENT = timedelta(seconds=60)
AGAIN = parley.RetryPolicy(attempts=100)


@contextmanager
def workers(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server with two workers, and its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "parley_server", "serve", "--listen", address, "--workers", "2", *options]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, address
        finally:
            process.kill()


def children(process: subprocess.Popen[str]) -> list[int]:
    """The workers of a server."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [pid for pid in map(int, listed.split()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def lines_with(text: str, process: subprocess.Popen[str], *, count: int) -> None:
    """Reads the log until so many lines have had this text."""
    assert process.stderr
    for line in process.stderr:
        count -= text in line
        if not count:
            return
    pytest.fail(f"the log has ended, and {count} more lines with {text!r} were to come")


async def test_two_workers_share_sessions_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    file = definition(tmp_path, CHAT)
    async with ModelServer.running() as model:
        options = ("--assistant", str(file), "--model", "m", "--base-url", model.base_url)
        with workers(tmp_path, *options) as (process, address):
            for turn, message in enumerate(["hello", "yes", *"abcdef"], 1):
                # Each client is a connection of its own, which may reach another worker.
                async with parley.AsyncClient(address, retry=AGAIN) as client:
                    reply = await client.say(message, session_id="s", timeout=PATIENT)
                assert reply.session.turn_count == turn
                assert reply.reply == ("Hello." if turn > 1 else "Welcome!")
            before = children(process)
            assert len(before) == 2

            os.kill(before[0], signal.SIGKILL)
            async with parley.AsyncClient(address, retry=AGAIN) as client:
                reply = await client.say("still there?", session_id="s", timeout=PATIENT)
            assert (reply.session.turn_count, model.calls) == (9, 8)

            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait)
            assert process.returncode == 0


async def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with workers(tmp_path) as (process, address):
        async with parley.AsyncClient(address, retry=AGAIN) as client:
            await client.say("hi", timeout=PATIENT)
        alive = children(process)
        process.kill()

        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in alive))


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Gives this process its handlers back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize("starting", [1, 2])
def test_a_signal_that_comes_while_a_worker_is_started_ends_that_one_too(
    starting: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = SpawnProcess.start
    started: list[SpawnProcess] = []

    def start_and_be_told(worker: SpawnProcess) -> None:
        start(worker)
        started.append(worker)
        if len(started) == starting:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(SpawnProcess, "start", start_and_be_told)
    settings = Settings(listen=f"127.0.0.1:{free_port()}", store=f"sqlite:///{tmp_path}/parley.db", workers=2)

    try:
        serve_with_workers(settings)
    finally:
        told = [worker.exitcode for worker in started]
        for worker in started:
            worker.kill()

    assert len(told) == starting, "nobody is started after the signal"
    assert None not in told


async def test_a_signal_to_read_definitions_anew_reaches_every_worker_and_ends_none(tmp_path: Path) -> None:
    file = definition(tmp_path, "assistant: one\nflows: {main: {states: {start: {say: Hi.}}}}\n")
    with workers(tmp_path, "--assistant", str(file)) as (process, _):
        await asyncio.to_thread(lines_with, "serving one", process, count=2)
        before = children(process)

        process.send_signal(signal.SIGHUP)

        await asyncio.to_thread(lines_with, "loaded version", process, count=2)
        assert (process.poll(), children(process)) == (None, before)


async def test_a_store_that_can_not_be_shared_is_refused_before_any_worker_starts(tmp_path: Path) -> None:
    with workers(tmp_path, "--store", "memory://") as (process, _):
        _, said = await asyncio.to_thread(process.communicate)

    assert process.returncode == 1
    assert said == (
        "Error: memory:// keeps sessions inside one process, so that no other can share them: serve with one worker, "
        "or use another store, such as sqlite:///parley.db\n"
    )
