"""Load on a server: so many turns by so many callers, and what they cost whom."""

import asyncio
import secrets
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """Takes turns through h2load, a client that takes little CPU; None: it is not installed.

    It can send one message only, so that each caller is a process of its own, with one session and one connection.

    Raises:
        RuntimeError: Calls failed.
    """
    if not shutil.which("h2load"):
        return None
    run, share = secrets.token_hex(4), calls // callers
    with tempfile.TemporaryDirectory() as folder:
        commands = [_h2load(server, Path(folder, str(n)), f"{run}-{n}", message, share) for n in range(callers)]
        began, server_before, own_before = time.perf_counter(), server.cpu(), own_cpu()
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
        said = [process.communicate()[0] for process in running]
        seconds, server_cpu = time.perf_counter() - began, server.cpu() - server_before
    if any(f" {share} succeeded" not in one for one in said):
        raise RuntimeError("".join(said))
    return Load(calls=share * callers, seconds=seconds, server_cpu=server_cpu, client_cpu=own_cpu() - own_before)


def _h2load(server: Process, body: Path, session_id: str, message: str, calls: int) -> list[str]:
    request = wire.ChatRequest(session_id=session_id, message=message).SerializeToString()
    body.write_bytes(b"\0" + struct.pack(">I", len(request)) + request)
    headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
    return ["h2load", "-c1", "-m1", f"-n{calls}", "-d", str(body), *headers, f"http://{server.address}/{CHAT}"]


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
