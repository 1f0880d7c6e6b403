"""parley beside the service that everybody writes first: a short session in memory, and a long one in Redis."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.figures import Figure, interleaved, ratio
from benchmarks.harness.load import HELLO, Load, turns, warm
from benchmarks.harness.processes import Process, free_port, model, own_cpu, parley, redis, redis_command, running

_CALLERS = 16
_CALLS = 1600
_LONG = 2000
_LONG_SESSIONS = tuple(f"long-{number}" for number in range(_CALLERS))
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def measure() -> Iterator[Figure]:
    """Server CPU of a turn, the clients, Redis and the model counted out."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        backing = closing.enter_context(redis(folder / "redis"))
        answers = f"http://{closing.enter_context(model()).address}/v1"
        yield _compare_short(closing.enter_context(_baseline(answers)), closing.enter_context(parley("memory://")))
        url = f"redis://{backing.address}"
        baseline, server = closing.enter_context(_baseline(answers, url)), closing.enter_context(parley(url))
        _fill(backing, server)
        yield _compare_long(baseline, server)


def _compare_short(baseline: Process, server: Process) -> Figure:
    warm(server)
    _post(baseline, calls=160, callers=_CALLERS)
    loads = interleaved(
        {
            "baseline": lambda: _post(baseline, calls=_CALLS, callers=_CALLERS),
            "parley": lambda: turns(server, HELLO, calls=_CALLS, callers=_CALLERS),
        }
    )
    what = "turns/s over those of a FastAPI service with a document a session, memory, 16 callers"
    return _figure(what, loads, at_least=2)


def _compare_long(baseline: Process, server: Process) -> Figure:
    loads = interleaved(
        {
            "baseline": lambda: _post(baseline, calls=5 * _CALLERS, callers=_CALLERS, sessions=_LONG_SESSIONS),
            "parley": lambda: turns(server, HELLO, calls=100 * _CALLERS, callers=_CALLERS, sessions=_LONG_SESSIONS),
        }
    )
    return _figure(f"the same at {_LONG:,} turns of history, Redis", loads, at_least=50)


def _figure(measure: str, loads: dict[str, list[Load]], *, at_least: float) -> Figure:
    costs = {name: [load.server_us for load in measured] for name, measured in loads.items()}
    above = ratio(costs["baseline"], costs["parley"])
    how = f"of a server's CPU; {loads['parley'][-1]}; the service: {loads['baseline'][-1]}"
    return Figure(topic="baseline", measure=measure, value=above, at_least=at_least, how=how)


def _baseline(model_url: str, *store: str) -> AbstractContextManager[Process]:
    port = free_port()
    return running([sys.executable, "-m", "benchmarks.baseline.service", str(port), model_url, *store], port)


def _fill(backing: Process, server: Process) -> None:
    """Gives each of the long sessions its history, in both services."""
    message = {"role": "user", "content": "hello", "timestamp": "2026-01-01T00:00:00Z"}
    reply = {**message, "role": "assistant", "content": "Please tell me the service."}
    for session in _LONG_SESSIONS:
        document = {"session_id": session, "messages": [message, reply] * _LONG}
        redis_command(backing, b"SETEX", f"session:{session}".encode(), b"3600", json.dumps(document).encode())
    turns(server, HELLO, calls=_LONG * len(_LONG_SESSIONS), callers=_CALLERS, sessions=_LONG_SESSIONS)


def _post(server: Process, *, calls: int, callers: int, sessions: Sequence[str] = ()) -> Load:
    """Takes turns over HTTP: each caller on a connection of its own."""
    return asyncio.run(_posts(server, calls=calls, callers=callers, sessions=sessions))


async def _posts(server: Process, *, calls: int, callers: int, sessions: Sequence[str]) -> Load:
    async def caller(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = json.dumps({"message": "hello", "session_id": sessions[number] if sessions else None}).encode()
        head = b"POST /chat HTTP/1.1\r\nhost: baseline\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        for _ in range(calls // callers):
            writer.write(head % len(body) + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(answered)
            if not answered.startswith(b"HTTP/1.1 200") or length is None:
                raise RuntimeError(answered.decode())
            await reader.readexactly(int(length[1]))
        writer.close()

    began, server_before, own_before = time.perf_counter(), server.cpu(), own_cpu()
    await asyncio.gather(*map(caller, range(callers)))
    return Load(
        calls=calls,
        seconds=time.perf_counter() - began,
        server_cpu=server.cpu() - server_before,
        client_cpu=own_cpu() - own_before,
    )
