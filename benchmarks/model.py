"""What a reply takes that a model writes, beside a direct call of the same model."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import grpc
from openai import AsyncOpenAI

from benchmarks.harness.figures import Figure, interleaved
from benchmarks.harness.load import HELLO, Load, turns
from benchmarks.harness.processes import Process, bare, model, parley
from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

_WRITER = """
assistant: writer
nlu: rules
flows: {f: {states: {s: {generate: Answer the user., on: [{when: always, to: s}]}}}}
"""
_TALK = HELLO * 10
_TOKENS = 50
_GAP = 0.02
"""Seconds from a token to the next of a model that writes as fast as most do, so that each is a message of its own."""
_PAIRS = 200
_CALLS = 160
_SESSIONS = 1000
_CHANNELS = 10
_THINKING = 1.0
"""Seconds."""


def measure() -> Iterator[Figure]:
    """One caller for the first token, 16 for the CPU, 1,000 for the crowd."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        writer = folder / "writer.yaml"
        writer.write_text(_WRITER)

        def writing(backing: Process) -> AbstractContextManager[Process]:
            options = ("--model", "fake", "--base-url", f"http://{backing.address}/v1")
            return parley("memory://", *options, assistant=writer)

        at_once = closing.enter_context(model(delay=_GAP, tokens=_TOKENS))
        apart = closing.enter_context(model(delay=_GAP, tokens=_TOKENS, gap=_GAP))
        fast, slow = closing.enter_context(writing(at_once)), closing.enter_context(writing(apart))
        bare_fast, bare_slow = closing.enter_context(bare(1)), closing.enter_context(bare(_TOKENS, _GAP))
        for served in (fast, slow, bare_fast, bare_slow):
            turns(served, _TALK, calls=160)
        yield from asyncio.run(_first_token(fast, at_once, closing.enter_context(bare())))
        measure = f"a reply of {_TOKENS} tokens at once, 16 callers: server CPU of a turn beyond the bare wire's"
        yield replace(_cpu(fast, bare_fast), measure=measure, at_most=3)
        yield replace(_cpu(slow, bare_slow), measure=f"the same, {_GAP * 1000:.0f} ms from token to token")
        thinking = closing.enter_context(model(delay=_THINKING, tokens=_TOKENS))
        yield from asyncio.run(_crowd(closing.enter_context(writing(thinking))))


async def _first_token(server: Process, backing: Process, wire_alone: Process) -> list[Figure]:
    """Asks the model directly, in two ways, and through parley, by turns."""
    async with (
        aiohttp.ClientSession() as session,
        AsyncOpenAI(base_url=f"http://{backing.address}/v1", api_key="none") as package,
        grpc.aio.insecure_channel(server.address) as channel,
        grpc.aio.insecure_channel(wire_alone.address) as bare_channel,
    ):
        stub, bare_stub = ConversationServiceStub(channel), ConversationServiceStub(bare_channel)
        times: dict[str, list[float]] = {name: [] for name in ("parley", "direct", "openai", "bare")}
        for number in range(_PAIRS):
            times["parley"].append(await _until_text(stub, f"first-{number // len(_TALK)}"))
            times["direct"].append(await _direct(session, backing))
            times["openai"].append(await _direct_by_openai(package))
            times["bare"].append(await _until_text(bare_stub, "first"))
    through, direct, package_ms, call = (statistics.median(taken) * 1000 for taken in times.values())
    how = f"medians of {_PAIRS}: {through:.2f} ms, {direct:.2f} ms"
    measure = "a reply that a model writes: time to the first token added over a direct call of the model's server"
    beside_openai = "the same, over a direct call through the package `openai`"
    bare_call = "the same of a server that does nothing: a bare grpc.aio call"
    return [
        Figure(topic="model", measure=measure, value=through - direct, unit="ms", at_most=2, how=how),
        Figure(topic="model", measure=beside_openai, value=through - package_ms, unit="ms", how=f"{package_ms:.2f} ms"),
        Figure(topic="model", measure=bare_call, value=call, unit="ms"),
    ]


async def _direct(session: aiohttp.ClientSession, backing: Process) -> float:
    body = {"model": "fake", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    began, first = time.perf_counter(), 0.0
    async with session.post(f"http://{backing.address}/v1/chat/completions", json=body) as response:
        async for line in response.content:
            if not first and b'"content"' in line:
                first = time.perf_counter() - began
    return first


async def _direct_by_openai(package: AsyncOpenAI) -> float:
    began, first = time.perf_counter(), 0.0
    chunks = await package.chat.completions.create(
        model="fake", stream=True, messages=[{"role": "user", "content": "hello"}]
    )
    async for chunk in chunks:
        if not first and chunk.choices[0].delta.content:
            first = time.perf_counter() - began
    return first


async def _until_text(stub: Any, session_id: str) -> float:
    began, first = time.perf_counter(), 0.0
    async for response in stub.Chat(wire.ChatRequest(session_id=session_id, message="hello")):
        if not first and any(event.HasField("text_delta") for event in response.events):
            first = time.perf_counter() - began
    return first


def _cpu(server: Process, wire_alone: Process) -> Figure:
    loads = interleaved(
        {
            "bare": lambda: turns(wire_alone, HELLO, calls=_CALLS),
            "generated": lambda: turns(server, _TALK, calls=_CALLS),
        }
    )
    bare_us, generated_us = (_median_us(loads[name]) for name in ("bare", "generated"))
    how = f"{generated_us:.0f} µs, less {bare_us:.0f} µs"
    return Figure(topic="model", measure="", value=(generated_us - bare_us) / 1000, unit="ms", how=how)


def _median_us(loads: list[Load]) -> float:
    return statistics.median(load.server_us for load in loads)


async def _crowd(server: Process) -> list[Figure]:
    """Many sessions take a turn while the model thinks about the turns of all others."""
    async with _stubs(server) as stubs:
        await asyncio.gather(*(_until_end(stub, "warm") for stub in stubs))
        before = server.memory()
        at_once = await _all(stubs, "at-once", within=0)
        spread = await _all(stubs, "spread", within=_THINKING)
        more = (server.memory() - before) / 1024**2
    who = f"{_SESSIONS:,} sessions at once, a model of {_THINKING:g} s"
    return [
        Figure(
            topic="model",
            measure=f"{who}, begun within its time: latency added at p99",
            value=_p99(spread) - _THINKING,
            unit="s",
            at_most=0.5,
            how=f"median {statistics.median(spread) - _THINKING:.3f} s, no error",
        ),
        Figure(
            topic="model",
            measure=f"{who}, begun in one instant: latency added at p99",
            value=_p99(at_once) - _THINKING,
            unit="s",
            how=f"median {statistics.median(at_once) - _THINKING:.3f} s, no error",
        ),
        Figure(topic="model", measure=f"{who}: memory more", value=more, unit="MiB", at_most=150),
    ]


@asynccontextmanager
async def _stubs(server: Process) -> AsyncIterator[list[Any]]:
    async with AsyncExitStack() as closing:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(server.address, options=options) for _ in range(_CHANNELS)]
        yield [ConversationServiceStub(await closing.enter_async_context(channel)) for channel in channels]


async def _all(stubs: list[Any], name: str, *, within: float) -> list[float]:
    async def turn(number: int) -> float:
        await asyncio.sleep(within * number / _SESSIONS)
        return await _until_end(stubs[number % len(stubs)], f"{name}-{number}")

    return await asyncio.gather(*map(turn, range(_SESSIONS)))


async def _until_end(stub: Any, session_id: str) -> float:
    began = time.perf_counter()
    async for _ in stub.Chat(wire.ChatRequest(session_id=session_id, message="hello")):
        pass
    return time.perf_counter() - began


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[-1]
