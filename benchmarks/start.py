"""How long `parley serve` takes from its start to the first reply, on its defaults."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from benchmarks.harness.figures import Figure
from benchmarks.harness.processes import ROOT, Process, free_port
from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub

_ROUNDS = 5
_BACKOFF = [(f"grpc.{name}_reconnect_backoff_ms", 10) for name in ("initial", "min", "max")]


def measure() -> Iterator[Figure]:
    """The first start compiles what it imports, and is not counted."""
    with TemporaryDirectory() as folder:
        starts = [_start(Path(folder) / f"{number}.db") for number in range(_ROUNDS + 1)][1:]
    seconds, cpu = zip(*starts, strict=True)
    how = f"SQLite, booking example; CPU {statistics.median(cpu):.2f} s"
    measure = "`parley serve` from start to the first reply"
    yield Figure(topic="start", measure=measure, value=statistics.median(seconds), unit="s", at_most=1.0, how=how)


def _start(database: Path) -> tuple[float, float]:
    port = free_port()
    command = [sys.executable, "-m", "parley_server", "serve", "--listen", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, "--store", f"sqlite:///{database}", "--log-level", "warning"], cwd=ROOT
    ) as process:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=_BACKOFF) as channel:
            request = wire.ChatRequest(message="hello")
            for _ in ConversationServiceStub(channel).Chat(request, wait_for_ready=True, timeout=60):
                pass
            took, cpu = time.perf_counter() - began, Process(process.pid, port).cpu()
        process.terminate()
    return took, cpu
