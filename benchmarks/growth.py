"""How each store grows: memory, disk and the time of a turn at 1, 10 and 100 thousand sessions, also as a picture."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growing import Stage
from benchmarks.harness.curves import Curve, Panel, picture
from benchmarks.harness.figures import Figure
from benchmarks.harness.processes import ROOT, redis

_COUNTS = (1_000, 10_000, 100_000)
_PICTURE = Path(__file__).with_name("growth.svg")


def measure() -> Iterator[Figure]:
    """The stores alone, without a server before them: one turn a session, 810 bytes."""
    found: dict[str, list[Stage]] = {}
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        backing = closing.enter_context(redis(folder / "redis"))
        found["memory"] = _grow("memory://", folder / "none")
        found["SQLite"] = _grow(f"sqlite:///{folder}/sqlite/growth.db", folder / "sqlite")
        found["Redis"] = _grow(f"redis://{backing.address}", folder / "redis", backing.pid)
        found["file"] = _grow(f"file://{folder}/files", folder / "files")
    _PICTURE.write_text(_draw(found))
    for name, stages in found.items():
        last = stages[-1]
        how = "; ".join(f"{stage.sessions:,}: {stage.turn_us:.0f} µs, {stage.memory / 1e6:.1f} MB" for stage in stages)
        measure = f"{name}, {last.sessions:,} sessions: time of a turn over that at {stages[0].sessions:,}"
        yield Figure(topic="growth", measure=measure, value=last.turn_us / stages[0].turn_us, how=how)
        each = (last.disk or last.memory) / last.sessions
        measure = f"{name}, {last.sessions:,} sessions: {'disk' if last.disk else 'memory'} a session of 810 bytes"
        yield Figure(topic="growth", measure=measure, value=each, unit="bytes")


def _grow(url: str, folder: Path, pid: int = 0) -> list[Stage]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.growing", url, str(folder), str(pid), *map(str, _COUNTS)]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Stage(**json.loads(line)) for line in said.splitlines()]


def _draw(found: Mapping[str, Sequence[Stage]]) -> str:
    def curves(of: str) -> list[Curve]:
        return [
            Curve(name, [(stage.sessions, getattr(stage, of) / (1e6 if of != "turn_us" else 1)) for stage in stages])
            for name, stages in found.items()
        ]

    return picture(
        "sessions",
        [
            Panel("time of a turn in the store, µs", curves("turn_us")),
            Panel("memory of who keeps them, MB", curves("memory")),
            Panel("disk, MB", [curve for curve in curves("disk") if curve.name != "memory"]),
        ],
    )
