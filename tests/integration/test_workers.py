"""Several workers on one port and one store, as real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from support.model_server import ModelServer
from support.model_talks import CHAT
from support.ports import free_port
from support.servers import definition
from support.waiting import until

import parley

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


async def test_a_store_that_can_not_be_shared_is_refused(tmp_path: Path) -> None:
    with workers(tmp_path, "--store", "memory://") as (process, _):
        _, said = await asyncio.to_thread(process.communicate)

    assert process.returncode == 1
    assert "can not serve several workers" in said
    assert "Traceback" not in said
