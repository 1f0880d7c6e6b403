"""What a turn costs beside the bare wire: turns a second and server CPU per call, side by side in one run.

    python -m benchmarks.wire [--seconds 2] [--rounds 3] [--json FILE]

Each contender is a server process of its own. The rounds are interleaved, since machines are noisy, and each contender
is compared with the bare server of the same round; medians are printed.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc

from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

CALLERS = 16
ROOT = Path(__file__).parents[1]
ECHO = "assistant: echo\nflows: {f: {states: {s: {say: Hello there., on: [{when: always, to: s}]}}}}\n"
BOOKING = ["hi", "a consultation please", "next Friday", "3pm", "Ada Lovelace", "ada@example.org", "yes"]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contender:
    """A server to measure, and what its callers say."""

    name: str
    options: tuple[str, ...]
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """What was measured of one server in one round."""

    calls_per_second: float
    server_cpu_us: float


@contextmanager
def server(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
            yield process
        finally:
            process.kill()


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def load(port: int, messages: tuple[str, ...], seconds: float) -> int:
    """Calls for so long; each caller holds one conversation after another."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = ConversationServiceStub(channel)
        ends = time.perf_counter() + seconds

        async def caller(number: int) -> int:
            calls = 0
            while time.perf_counter() < ends:
                session_id = f"{os.getpid()}-{number}-{ends}-{calls // len(messages)}"
                request = wire.ChatRequest(session_id=session_id, message=messages[calls % len(messages)])
                async for _ in stub.Chat(request):
                    pass
                calls += 1
            return calls

        return sum(await asyncio.gather(*map(caller, range(CALLERS))))


def measure(process: subprocess.Popen[bytes], port: int, messages: tuple[str, ...], seconds: float) -> Figure:
    asyncio.run(load(port, messages, seconds / 4))
    before, began = cpu_seconds(process), time.perf_counter()
    calls = asyncio.run(load(port, messages, seconds))
    return Figure(calls / (time.perf_counter() - began), (cpu_seconds(process) - before) / calls * 1e6)


def contenders(folder: Path) -> list[Contender]:
    echo = folder / "echo.yaml"
    echo.write_text(ECHO)
    hello = ("hello",)
    return [
        Contender("template reply, memory", ("--store", "memory://", "--assistant", str(echo)), hello),
        Contender("booking with rules, memory", ("--store", "memory://"), tuple(BOOKING)),
        Contender("template reply, SQLite", ("--store", f"sqlite:///{folder}/b.db", "--assistant", str(echo)), hello),
        Contender("template reply, file", ("--store", f"file://{folder}/files", "--assistant", str(echo)), hello),
    ]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=2)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        entrants = contenders(folder)
        bare = running.enter_context(server([sys.executable, "-m", "benchmarks.bare_server", "50100"], 50100))
        parley = [sys.executable, "-m", "parley_server", "serve", "--log-level", "warning"]
        served = [
            running.enter_context(server([*parley, "--listen", f"127.0.0.1:{port}", *entrant.options], port))
            for port, entrant in enumerate(entrants, 50101)
        ]
        rounds = []
        for _ in range(options.rounds):
            figures = {"bare grpc.aio": measure(bare, 50100, ("hello",), options.seconds)}
            for port, (entrant, process) in enumerate(zip(entrants, served, strict=True), 50101):
                figures[entrant.name] = measure(process, port, entrant.messages, options.seconds)
            rounds.append(figures)
    print_table(rounds)
    if options.json:
        options.json.write_text(json.dumps([{n: asdict(f) for n, f in r.items()} for r in rounds], indent=2))


def print_table(rounds: list[dict[str, Figure]]) -> None:
    print(f"{'':28} {'calls/s':>9} {'of bare':>8} {'server CPU':>11}")
    for name in rounds[0]:
        rate = statistics.median(r[name].calls_per_second for r in rounds)
        share = statistics.median(r[name].calls_per_second / r["bare grpc.aio"].calls_per_second for r in rounds)
        cpu = statistics.median(r[name].server_cpu_us for r in rounds)
        print(f"{name:28} {rate:9.0f} {share:8.2f} {cpu:8.0f} µs")


if __name__ == "__main__":
    main()
