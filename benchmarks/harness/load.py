"""Load on a server: so many turns by so many callers, and what they cost whom."""

import asyncio
import re
import secrets
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from benchmarks.harness.processes import Process, own_cpu
from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

CHAT = "parley.v1.ConversationService/Chat"
ECHO = "assistant: echo\nflows: {f: {states: {s: {say: Hello there., on: [{when: always, to: s}]}}}}\n"
"""An assistant that answers anything with a template, and extracts nothing."""
HELLO = ("hello",)
BOOKING = ("hi", "a consultation please", "next Friday", "3pm", "Ada Lovelace", "ada@example.org", "yes")
"""A conversation with the booking example, from greeting to goodbye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a number of calls took."""

    calls: int
    seconds: float
    server_cpu: float
    """Seconds."""
    client_cpu: float
    """Seconds."""

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    @property
    def server_us(self) -> float:
        """Microseconds of the server's CPU for a call."""
        return self.server_cpu / self.calls * 1e6

    @property
    def client_us(self) -> float:
        """Microseconds of the client's CPU for a call."""
        return self.client_cpu / self.calls * 1e6

    def __str__(self) -> str:
        return f"{self.rate:,.0f} calls/s, CPU a call: server {self.server_us:.0f} µs, client {self.client_us:.0f} µs"


def turns(
    server: Process,
    messages: Sequence[str],
    *,
    calls: int,
    callers: int = 16,
    channels: int = 1,
    sessions: Sequence[str] = (),
) -> Load:
    """Takes turns through the Python client: each caller holds one conversation after another.

    Args:
        server: Who is called.
        messages: What is said in a conversation, in order.
        calls: How many turns in all.
        callers: How many take turns at once.
        channels: How many connections they share.
        sessions: One for each caller to go on with; none: each conversation is a new session.
    """
    return asyncio.run(_turns(server, messages, calls=calls, callers=callers, channels=channels, sessions=sessions))


def warm(server: Process, messages: Sequence[str] = HELLO) -> None:
    """Lets a server do what it does only once."""
    turns(server, messages, calls=40 * len(messages))


def light_turns(server: Process, message: str, *, calls: int, callers: int = 16) -> Load | None:
    """Takes first turns of new sessions through h2load, a client that takes little CPU; None: it is not installed.

    It can send one message only, so that each call is a conversation of its own.
    """
    if not shutil.which("h2load"):
        return None
    request = wire.ChatRequest(message=message).SerializeToString()
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"\0" + struct.pack(">I", len(request)) + request)
        body.flush()
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        url = f"http://{server.address}/{CHAT}"
        command = ("h2load", "-c", "1", "-m", str(callers), "-n", str(calls), "-d", body.name, *headers, url)
        return h2load(server, command, calls)


def h2load(server: Process, command: Sequence[str], calls: int) -> Load:
    """Runs h2load on a server.

    Raises:
        RuntimeError: Calls failed.
    """
    server_before, own_before = server.cpu(), own_cpu()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    server_cpu, client_cpu = server.cpu() - server_before, own_cpu() - own_before
    finished, succeeded = re.search(r"finished in ([\d.]+)(m?)s", said), re.search(r"(\d+) succeeded", said)
    if not (finished and succeeded and int(succeeded[1]) == calls):
        raise RuntimeError(said)
    seconds = float(finished[1]) / (1000 if finished[2] else 1)
    return Load(calls=calls, seconds=seconds, server_cpu=server_cpu, client_cpu=client_cpu)


async def _turns(
    server: Process, messages: Sequence[str], *, calls: int, callers: int, channels: int, sessions: Sequence[str]
) -> Load:
    # Without a pool of its own a channel to the same address would share the first one's connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    opened = [grpc.aio.insecure_channel(server.address, options=options) for _ in range(channels)]
    try:
        await asyncio.gather(*(channel.channel_ready() for channel in opened))
        stubs = [ConversationServiceStub(channel) for channel in opened]
        run = secrets.token_hex(4)

        async def caller(number: int) -> int:
            share = calls // callers
            for call in range(share):
                session_id = sessions[number] if sessions else f"{run}-{number}-{call // len(messages)}"
                request = wire.ChatRequest(session_id=session_id, message=messages[call % len(messages)])
                async for _ in stubs[number % channels].Chat(request):
                    pass
            return share

        began, server_before, own_before = time.perf_counter(), server.cpu(), own_cpu()
        done = sum(await asyncio.gather(*map(caller, range(callers))))
        return Load(
            calls=done,
            seconds=time.perf_counter() - began,
            server_cpu=server.cpu() - server_before,
            client_cpu=own_cpu() - own_before,
        )
    finally:
        await asyncio.gather(*(channel.close() for channel in opened))
