"""A process that ends at each thing in turn that it asks of its disk, and the next one that finds what it left."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support.faults_disk import Fault
from support.faults_scale import ON_DISK, Report, Scale

TESTS = Path(__file__).parents[1]
ENDS = (Fault.KILL, Fault.TEAR, Fault.POWER)


async def crashes(
    scheme: str, folder: Path, *faults: Fault, first: int = 0, step: int, turns: int = 4, ballast: int = 0
) -> dict[str, list[dict[str, Any]]]:
    """What was found, by fault, after the end at each point, until a process came through.

    Each process takes some turns in two sessions, which keep some bytes of ballast.
    """
    numbers = map(str, (first, step, turns, ballast))
    names = [fault.value for fault in faults]
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")]))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.faults_crashes", scheme, str(folder), ",".join(names), *numbers),
        env={**os.environ, "PYTHONPATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    points = [json.loads(line) for line in told.splitlines()]
    return {name: [point for point in points if point["fault"] == name] for name in names}


@pytest.mark.parametrize("scheme", sorted(ON_DISK))
async def test_a_turn_is_there_or_not_wherever_the_process_ends(
    scheme: str, tmp_path: Path, scale: Scale, report: Report
) -> None:
    found = await crashes(scheme, tmp_path, *ENDS, step=scale.of(47, 1))

    for fault, points in found.items():
        assert [point for point in points if point["found"]] == []
        assert points[-1]["answered"] == 8, "the last process was to come through"
        report(f"{fault}: {len(points) - 1} points")


async def test_a_file_that_is_written_anew_is_there_whole_wherever_the_process_ends(
    tmp_path: Path, scale: Scale, report: Report
) -> None:
    # Large snapshots, which are of no use after the next turn, are what makes a file be written anew.
    found = await crashes(
        "file", tmp_path, *ENDS, first=scale.of(95, 80), step=scale.of(61, 2), turns=11, ballast=30_000
    )

    for fault, points in found.items():
        assert [point for point in points if point["found"]] == []
        assert points[-1]["answered"] == 22, "the last process was to come through"
        report(f"{fault}: {len(points) - 1} points")


@pytest.mark.parametrize("scheme", sorted(ON_DISK))
async def test_a_disk_that_only_says_that_it_flushes_loses_turns_and_is_found_out(scheme: str, tmp_path: Path) -> None:
    found = await crashes(scheme, tmp_path, Fault.LIE, first=60, step=25)

    assert any("Rule.LOST" in rule for point in found["lie"] for rule in point["found"])
