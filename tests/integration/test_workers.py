"""Several workers on one port and one store, as real processes."""

import asyncio
import os
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

from support.waiting import until
from support.worker_processes import workers

import parley

PATIENT = timedelta(seconds=60)


def children(process: subprocess.Popen[str]) -> list[int]:
    """The workers of a server."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [pid for pid in map(int, listed.split()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_two_workers_share_sessions_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with workers(tmp_path) as (process, address):
        for turn in range(1, 9):
            # Each client is a connection of its own, which may reach another worker.
            async with parley.AsyncClient(address) as client:
                reply = await client.say(f"hello {turn}", session_id="s", timeout=PATIENT)
            assert reply.session.turn_count == turn
        before = children(process)
        assert len(before) == 2

        os.kill(before[0], signal.SIGKILL)
        async with parley.AsyncClient(address) as client:
            reply = await client.say("still there?", session_id="s", timeout=PATIENT)
        assert reply.session.turn_count == 9

        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)
        assert process.returncode == 0


async def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    with workers(tmp_path) as (process, address):
        async with parley.AsyncClient(address) as client:
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
