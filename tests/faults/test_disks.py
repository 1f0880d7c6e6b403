"""Disks that fail for a while: no false answer meanwhile, reading goes on, and all is well afterwards."""

import asyncio
from itertools import count
from pathlib import Path

import pytest
from support.faults_checker import violations
from support.faults_core import core
from support.faults_disk import Disk, Fault
from support.faults_record import Outcome, Recorder
from support.faults_scale import Report, Scale

from parley_server.stores.registry import open_store

SESSIONS = [f"s{number}" for number in range(6)]


@pytest.mark.parametrize("fault", [Fault.WRITES, Fault.FLUSHES, Fault.FULL])
async def test_a_failing_disk_makes_no_false_answer_and_is_got_over(
    on_disk: str, fault: Fault, tmp_path: Path, scale: Scale, report: Report
) -> None:
    disk = Disk(tmp_path, fault)
    recorder = Recorder()
    with disk.inserted():
        store = await open_store(on_disk)
        async with core(store) as server:

            async def all_say(request_id: str) -> list[Outcome]:
                says = (recorder.say(server.line(), session, request_id) for session in SESSIONS)
                return [call.outcome for call in await asyncio.gather(*says)]

            await all_say("first")
            for point in range(scale.of(6, 60)):
                disk.left = point
                names = (f"{point}-{number}" for number in count())
                sent = [next(names)]
                while Outcome.OK in await all_say(sent[-1]):
                    sent.append(next(names))
                sent.append(next(names))
                assert Outcome.OK not in await all_say(sent[-1]), "it still fails"
                for session in SESSIONS:
                    assert (await server.kept(session)).turns, "reading goes on"
                disk.left = None
                for request_id in sent:
                    assert set(await all_say(request_id)) == {Outcome.OK}, "the disk is mended"
            kept = {session: await server.kept(session) for session in SESSIONS}
        await store.close()

    assert violations(recorder.calls, kept) == []
    if fault is Fault.FULL:
        assert [c.error for c in recorder.calls if c.error and not c.error.startswith("StoreFull")] == []
        assert recorder.count(Outcome.UNKNOWN) == 0
    report(
        f"{recorder.count(Outcome.OK)} answered, {recorder.count(Outcome.FAILED)} refused, "
        f"{recorder.count(Outcome.UNKNOWN)} unknown"
    )
