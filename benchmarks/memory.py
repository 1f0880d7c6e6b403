"""What a session that nobody talks to, and a stream on which nothing happens, take of a server's memory."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from tempfile import TemporaryDirectory

import grpc

from benchmarks.harness.figures import Figure
from benchmarks.harness.load import BOOKING, turns, warm
from benchmarks.harness.processes import Process, parley
from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.registry import open_store

_SESSIONS = 9000
"""So many that what the server takes for itself meanwhile does not count."""
_STREAMS = 1000
_CHANNELS = 10


def measure() -> Iterator[Figure]:
    """The memory store, with whole conversations of the booking example."""
    stored = _stored_bytes()
    with parley("memory://") as server:
        # What the server itself takes grows for a while.
        turns(server, BOOKING, calls=_SESSIONS * len(BOOKING) // 4)
        before = server.memory()
        turns(server, BOOKING, calls=_SESSIONS * len(BOOKING))
        session = (server.memory() - before) / _SESSIONS
    how = f"{session:,.0f} bytes for {stored:,} bytes of snapshot and {len(BOOKING)} turns, {_SESSIONS:,} sessions"
    measure = "an idle session in the memory store over the bytes of its snapshot and turns"
    yield Figure(topic="memory", measure=measure, value=session / stored, at_most=1.3, how=how)
    with parley("memory://") as server:
        warm(server, BOOKING)
        stream = asyncio.run(_stream_bytes(server)) / 1024
    how = f"{_STREAMS:,} streams that follow a session, on {_CHANNELS} connections"
    yield Figure(topic="memory", measure="an open stream", value=stream, unit="KiB", at_most=40, how=how)


def _stored_bytes() -> int:
    """The bytes of a session's snapshot and turns, as a store is handed them."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bytes.db"
        with parley(url) as server:
            turns(server, BOOKING, calls=len(BOOKING), callers=1, sessions=("sized",))
        return asyncio.run(_sum_bytes(url, SessionKey(DEFAULT_TENANT, "sized")))


async def _sum_bytes(url: str, key: SessionKey) -> int:
    store = await open_store(url)
    try:
        session = await store.read(key)
        records = await store.read_turns(key)
    finally:
        await store.close()
    if session is None or len(records) != len(BOOKING):
        raise RuntimeError("the conversation was not stored")
    return len(session.snapshot) + sum(len(record.data) for record in records)


async def _stream_bytes(server: Process) -> float:
    async with AsyncExitStack() as closing:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(server.address, options=options) for _ in range(_CHANNELS)]
        stubs = [ConversationServiceStub(await closing.enter_async_context(channel)) for channel in channels]
        async for _ in stubs[0].Chat(wire.ChatRequest(session_id="followed", message="hello")):
            pass
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        before = server.memory()
        streams = [
            stubs[number % _CHANNELS].GetSession(wire.GetSessionRequest(session_id="followed", follow=True))
            for number in range(_STREAMS)
        ]
        await asyncio.gather(*(stream.read() for stream in streams))
        used = server.memory() - before
        for stream in streams:
            stream.cancel()
    return used / _STREAMS
