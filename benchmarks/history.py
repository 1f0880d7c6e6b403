"""Whether a turn, or reading a session, costs more after 10,000 turns than after 10."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from benchmarks.harness.figures import Figure
from benchmarks.harness.load import ECHO
from benchmarks.harness.processes import Process, parley, redis
from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

LONG = 10_000
_SHORT = 10
_PAIRS = 400


def measure() -> Iterator[Figure]:
    """One caller, who turns to a short and to the long session by turns: the medians of many pairs."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        echo = folder / "echo.yaml"
        echo.write_text(ECHO)
        backing = closing.enter_context(redis(folder / "redis"))
        urls = {
            "memory": "memory://",
            "SQLite": f"sqlite:///{folder}/history.db",
            "file": f"file://{folder}/files",
            "Redis": f"redis://{backing.address}",
        }
        servers = {name: closing.enter_context(parley(url, assistant=echo)) for name, url in urls.items()}
        asyncio.run(_fill(servers))
        for name, server in servers.items():
            yield from asyncio.run(_compare(name, server))


async def _fill(servers: dict[str, Process]) -> None:
    """Makes the long session in each store."""

    async def fill(server: Process) -> None:
        async with grpc.aio.insecure_channel(server.address) as channel:
            chat = ConversationServiceStub(channel).Chat
            for _ in range(LONG):
                async for _ in chat(wire.ChatRequest(session_id="long", message="hello")):
                    pass

    await asyncio.gather(*map(fill, servers.values()))


async def _compare(name: str, server: Process) -> list[Figure]:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = ConversationServiceStub(channel)

        async def turn(session_id: str) -> None:
            async for _ in stub.Chat(wire.ChatRequest(session_id=session_id, message="hello")):
                pass

        async def read(session_id: str) -> None:
            async for _ in stub.GetSession(wire.GetSessionRequest(session_id=session_id)):
                pass

        for number in range(_PAIRS // _SHORT + 1):
            for _ in range(_SHORT):
                await turn(f"short-{number}")
        turns = await _pairs(turn)
        reads = await _pairs(read)
    return [
        _figure(f"{name}: a turn at {LONG:,} turns of history over one at {_SHORT}", *turns),
        _figure(f"{name}: GetSession without history at {LONG:,} turns over {_SHORT}", *reads),
    ]


async def _pairs(call: Callable[[str], Awaitable[None]]) -> tuple[list[float], list[float]]:
    """Times calls on the long session and on short ones, one after the other, in changing order."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for pair in range(_PAIRS):
        for long in (pair % 2 == 0, pair % 2 == 1):
            began = time.perf_counter()
            await call("long" if long else f"short-{pair // _SHORT}")
            took[long].append(time.perf_counter() - began)
    return took[True], took[False]


def _figure(measure: str, long: list[float], short: list[float]) -> Figure:
    above, below = statistics.median(long), statistics.median(short)
    how = f"median latency {above * 1e6:.0f} µs over {below * 1e6:.0f} µs"
    return Figure(topic="history", measure=measure, value=above / below, at_most=1.1, how=how)
