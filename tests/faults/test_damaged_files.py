"""Files that were damaged while no server ran: what can not be read is refused, and nothing is made up in its place.

What is promised:

    a bit of a session's file   that session is refused, and no other one is affected
    a file that ends early      its session stands at an earlier turn, or is refused: the end of a file may be a turn
                                that was cut short while it was written. Empty, or inside the first turn: refused
    a bit of a database         each session is as it was, or refused: every page has a checksum
    a database that ends early  the same; an emptied one is refused, as it is never made in parts
    a log of a database         all are refused, if its index is there. After a loss of power that may be missing; the
                                log then stands at an earlier turn where its last commit is damaged, or where it was cut
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

import apsw
import pytest
from support.faults_core import Core, core
from support.faults_record import Kept, Outcome, Recorder
from support.faults_scale import ON_DISK, Report, Scale

from parley_server.errors import InvalidSettings, ParleyError
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.registry import open_store

SESSIONS = [f"s{number}" for number in range(4)]
TURNS = 4


class Found(Enum):
    """How a session is found after the damage."""

    SAME = "as it was"
    REFUSED = "refused"
    EARLIER = "at an earlier turn"
    GONE = "gone"
    WRONG = "wrong"


async def say_all(server: Core) -> dict[str, Kept]:
    """Says a few things in every session, and reads them."""
    recorder = Recorder()
    for turn in range(TURNS):
        for session in SESSIONS:
            await recorder.say(server.line(), session, f"t{turn}")
    assert recorder.count(Outcome.OK) == TURNS * len(SESSIONS)
    return {session: await server.kept(session) for session in SESSIONS}


async def find(server: Core, session: str, before: Kept) -> Found:
    """How a session is found, by reading it, by repeating a turn and by taking one."""
    try:
        kept = await server.kept(session)
    except ParleyError:
        return Found.REFUSED
    if not kept.turns:
        return Found.GONE
    again = await Recorder().say(server.line(), session, "t0")
    call = await Recorder().say(server.line(), session, "new")
    if again.answer and not again.answer.replayed:
        return Found.WRONG
    if call.answer and call.answer.turn != kept.turn_count + 1:
        return Found.WRONG
    if kept == before:
        return Found.SAME
    return Found.EARLIER if kept.turns == before.turns[: kept.turn_count] else Found.WRONG


async def find_all(url: str, before: dict[str, Kept]) -> dict[str, Found]:
    """How each session is found; refused, all of them, where the store does not open."""
    try:
        store = await open_store(url)
    except ParleyError:
        return dict.fromkeys(SESSIONS, Found.REFUSED)
    try:
        async with core(store) as server:
            return {session: await find(server, session, before[session]) for session in SESSIONS}
    finally:
        await store.close()


class Copies:
    """A store that is not running, and damaged copies of it."""

    def __init__(self, scheme: str, folder: Path, victim: str, before: dict[str, Kept]) -> None:
        self._scheme = scheme
        self._folder = folder
        self.victim = victim
        self.before = before
        self.content = (folder / "whole" / victim).read_bytes()

    async def damaged(self, content: bytes) -> dict[str, Found]:
        """What is found where one file has another content."""
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._folder / "whole", copy)
        (copy / self.victim).write_bytes(content)
        return await find_all(ON_DISK[self._scheme].format(folder=copy), self.before)

    async def cut(self, offset: int) -> dict[str, Found]:
        return await self.damaged(self.content[:offset])

    async def flipped(self, offset: int) -> dict[str, Found]:
        bit = bytes([self.content[offset] ^ 1 << offset % 8])
        return await self.damaged(self.content[:offset] + bit + self.content[offset + 1 :])

    def offsets(self, many: int) -> Iterable[int]:
        """Places all over the file."""
        return range(0, len(self.content), max(len(self.content) // many, 1))


async def store_at_rest(scheme: str, folder: Path) -> Copies:
    (folder / "whole").mkdir()
    store = await open_store(ON_DISK[scheme].format(folder=folder / "whole"))
    async with core(store) as server:
        before = await say_all(server)
    await store.close()
    digest = SessionKey(DEFAULT_TENANT, SESSIONS[0]).digest
    victims = {"file": f"sessions/sessions/{digest[:2]}/{digest[2:4]}/{digest}", "sqlite": "parley.db"}
    return Copies(scheme, folder, victims[scheme], before)


def summary(found: Counter[Found]) -> str:
    return ", ".join(f"{count} {kind.value}" for kind, count in found.items())


async def test_a_bit_of_a_file_spoils_its_session_alone(tmp_path: Path, scale: Scale, report: Report) -> None:
    copies = await store_at_rest("file", tmp_path)
    found: Counter[Found] = Counter()

    for offset in copies.offsets(scale.of(8, 400)):
        first, *others = (await copies.flipped(offset)).values()
        found[first] += 1
        assert set(others) == {Found.SAME}

    # A bit of the last bytes of a frame is nobody's as long as it is not the last frame.
    assert set(found) <= {Found.REFUSED, Found.SAME}
    assert found[Found.REFUSED] > 10 * found[Found.SAME]
    report(summary(found))


async def test_a_file_that_ends_early_holds_whole_turns(tmp_path: Path, scale: Scale, report: Report) -> None:
    copies = await store_at_rest("file", tmp_path)
    found: Counter[Found] = Counter()

    for offset in copies.offsets(scale.of(8, 400)):
        first, *others = (await copies.cut(offset)).values()
        found[first] += 1
        assert set(others) == {Found.SAME}

    assert set(found) == {Found.REFUSED, Found.EARLIER}
    report(summary(found))


async def test_a_bit_of_a_database_makes_nothing_up(tmp_path: Path, scale: Scale, report: Report) -> None:
    copies = await store_at_rest("sqlite", tmp_path)
    found: Counter[Found] = Counter()

    for offset in copies.offsets(scale.of(8, 1_500)):
        found.update((await copies.flipped(offset)).values())

    assert set(found) == {Found.SAME, Found.REFUSED}
    report(summary(found))


async def test_a_database_that_ends_early_is_refused(tmp_path: Path, scale: Scale, report: Report) -> None:
    copies = await store_at_rest("sqlite", tmp_path)
    found: Counter[Found] = Counter()

    for offset in copies.offsets(scale.of(8, 400)):
        found.update((await copies.cut(offset)).values())

    assert set(found) <= {Found.SAME, Found.REFUSED}
    assert found[Found.REFUSED]
    report(summary(found))


@pytest.mark.parametrize("index", [True, False], ids=["with its index", "without its index"])
@pytest.mark.parametrize("damage", ["cut", "flipped"])
async def test_a_damaged_log_of_a_database_is_refused(
    damage: str, index: bool, tmp_path: Path, scale: Scale, report: Report
) -> None:
    running = tmp_path / "running"
    running.mkdir()
    store = await open_store(ON_DISK["sqlite"].format(folder=running))
    async with core(store) as server:
        before = await say_all(server)
        # What a killed server leaves: the log is not yet in the database.
        shutil.copytree(running, tmp_path / "whole")
    await store.close()
    if not index:
        (tmp_path / "whole" / "parley.db-shm").unlink()
    copies = Copies("sqlite", tmp_path, "parley.db-wal", before)
    found: Counter[Found] = Counter()

    for offset in copies.offsets(scale.of(8, 400)):
        found.update((await getattr(copies, damage)(offset)).values())

    if index:
        assert set(found) <= {Found.REFUSED, Found.SAME}
    elif damage == "flipped":
        assert set(found) <= {Found.REFUSED, Found.SAME, Found.EARLIER}
        assert found[Found.REFUSED] > 10 * found[Found.EARLIER]
    else:
        assert Found.WRONG not in found
    report(summary(found))


async def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    copies = await store_at_rest("file", tmp_path)
    path = tmp_path / "whole" / copies.victim
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    first, *others = (await find_all(ON_DISK["file"].format(folder=tmp_path / "whole"), copies.before)).values()

    assert first is Found.REFUSED
    assert set(others) == {Found.SAME}


async def test_a_database_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    copies = await store_at_rest("sqlite", tmp_path)
    database = apsw.Connection(str(tmp_path / "whole" / copies.victim))
    database.pragma("user_version", 99)
    database.close()

    with pytest.raises(InvalidSettings, match="another version"):
        await open_store(ON_DISK["sqlite"].format(folder=tmp_path / "whole"))


async def test_what_a_newer_server_wrote_is_refused_and_left(on_disk: str) -> None:
    key = SessionKey(DEFAULT_TENANT, "s0")
    store = await open_store(on_disk)
    try:
        async with store.open(key) as opened:
            await opened.commit(snapshot=b'{"version": 99}', request_id="a", data=b"", expires_in=None)
        async with core(store) as server:
            call = await Recorder().say(server.line(), "s0", "b")
        left = await store.read(key)
    finally:
        await store.close()

    assert call.error.startswith("SessionCorrupt")
    assert left
    assert (left.version, left.snapshot) == (1, b'{"version": 99}')
