import errno
import fcntl
import os
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley_server.errors import InvalidSettings, SessionCorrupt, StoreFull, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.file import FileStore
from parley_server.stores.options import StoreOptions
from parley_server.testing.clock import ManualClock
from parley_server.testing.contract.scene import KEY, all_turns, take_turn

TURNS = 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[FileStore]:
    store = await FileStore.connect(root)
    yield store
    await store.close()


def session_file(root: Path) -> Path:
    digest = KEY.digest
    return root / "sessions" / digest[:2] / digest[2:4] / digest


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def files_of_sessions(root: Path) -> list[Path]:
    return [entry for entry in (root / "sessions").rglob("*") if entry.is_file()]


async def write_turns(store: FileStore) -> None:
    for number in range(1, TURNS + 1):
        await take_turn(store, snapshot=b"snapshot %d" % number, data=b"data %d" % number, request_id=f"r{number}")


async def test_everything_is_for_its_owner_alone(root: Path, store: FileStore) -> None:
    await take_turn(store)

    modes = {stat.S_IMODE(entry.stat().st_mode) for entry in [root, *(root / "sessions").rglob("*")]}
    assert modes == {0o700, 0o600}


async def test_another_programs_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()

    with pytest.raises(InvalidSettings, match="another program"):
        await FileStore.connect(tmp_path)


@pytest.mark.parametrize("left", ["secret.new", "format.new"])
async def test_a_start_that_was_cut_short_is_begun_again(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_bytes(b"pa")

    store = await FileStore.connect(tmp_path)

    assert len(await store.secret()) == 32
    assert not (tmp_path / left).exists()
    await store.close()


async def test_another_format_is_refused(root: Path, store: FileStore) -> None:
    (root / "format").write_bytes(b"parley sessions 3\n")

    with pytest.raises(InvalidSettings, match="another version of parley"):
        await FileStore.connect(root)


@pytest.mark.parametrize("kind", ["link", "link to nothing", "directory", "pipe"])
async def test_what_stands_in_the_place_of_a_session_is_damage_and_is_left(
    kind: str, tmp_path: Path, root: Path, store: FileStore
) -> None:
    await take_turn(store)
    theirs = tmp_path / "theirs"
    session_file(root).rename(theirs)
    before = theirs.read_bytes()
    if kind == "directory":
        session_file(root).mkdir()
    elif kind == "pipe":
        os.mkfifo(session_file(root))
    else:
        session_file(root).symlink_to(theirs if kind == "link" else tmp_path / "nothing")

    with pytest.raises(SessionCorrupt):
        await store.read(KEY)
    with pytest.raises(SessionCorrupt):
        await take_turn(store)
    with pytest.raises(SessionCorrupt):
        _ = [session async for session in store.scan()]
    assert await store.sweep() == 0

    assert theirs.read_bytes() == before
    assert names_in(tmp_path) == ["sessions", "theirs"]


async def test_a_write_that_was_cut_off_anywhere_is_as_if_it_had_not_been(root: Path, store: FileStore) -> None:
    file = session_file(root)
    await write_turns(store)
    before = file.read_bytes()
    await take_turn(store, data=b"cut off" * 50)
    whole = file.read_bytes()

    for end in range(len(before), len(whole)):
        for tail in (b"", bytes(len(whole) - end)):
            file.write_bytes(whole[:end] + tail)
            assert len(await all_turns(store)) == TURNS
    record = await take_turn(store, data=b"after it")

    assert (await all_turns(store))[-1] == record
    assert record.turn == TURNS + 1


async def test_a_file_without_its_first_turn_is_damaged_and_stays_as_it_is(root: Path, store: FileStore) -> None:
    await take_turn(store)
    whole = session_file(root).read_bytes()

    for end in range(len(whole)):
        session_file(root).write_bytes(whole[:end])
        with pytest.raises(SessionCorrupt):
            await store.read(KEY)
    with pytest.raises(SessionCorrupt):
        await take_turn(store)
    assert await store.sweep() == 0
    assert session_file(root).read_bytes() == whole[:-1]

    session_file(root).write_bytes(whole)
    assert (await take_turn(store)).turn == 2


@pytest.mark.parametrize("call", ["mkdir", "write", "fsync", "rename"])
async def test_a_first_turn_that_can_not_be_written_leaves_nothing(
    call: str, root: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take_turn(store)
    other = SessionKey(KEY.tenant, "another")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises((StoreFull, StoreUnavailable)) as caught:
            await take_turn(store, other)
        assert not cast("StoreUnavailable", caught.value).maybe_applied

    assert await store.read(other) is None
    assert files_of_sessions(root) == [session_file(root)]
    assert (await take_turn(store, other)).turn == 1


async def test_a_session_that_expired_makes_room_for_the_next_one_whole_or_not_at_all(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    store = await FileStore.connect(root, StoreOptions(clock=clock))
    await take_turn(store, data=b"old", expires_in=timedelta(hours=1))
    clock.advance(timedelta(hours=1))
    expired = session_file(root).read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(StoreFull):
            await take_turn(store)
    assert session_file(root).read_bytes() == expired

    assert (await take_turn(store, data=b"new")).turn == 1
    assert [turn.data for turn in await all_turns(store)] == [b"new"]
    await store.close()


async def test_a_damaged_secret_is_none(root: Path, store: FileStore) -> None:
    secret = (root / "secret").read_bytes()
    for damaged in (b"", secret[:-1], bytes([secret[0] ^ 1]) + secret[1:]):
        (root / "secret").write_bytes(damaged)
        with pytest.raises(StoreUnavailable, match="secret"):
            await store.ready()

    (root / "secret").write_bytes(secret)
    await store.ready()


async def test_names_that_could_not_be_flushed_are_flushed_before_anything_is_called_durable(
    root: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = session_file(root).parent
    flushed = []
    fsync = os.fsync

    def note(descriptor: int, *, fails: bool) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        if place == shelf:
            if fails:
                raise OSError(errno.EIO, "the disk is dying")
            flushed.append(place)
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", partial(note, fails=True))
        for _ in range(2):
            with pytest.raises(StoreUnavailable) as caught:
                await take_turn(store, request_id="r")
            assert caught.value.maybe_applied
    monkeypatch.setattr(os, "fsync", partial(note, fails=False))

    async with store.open(KEY, request_id="r") as session:
        assert session.repeat is not None
        assert flushed == [shelf]


@pytest.mark.parametrize("left", ["", ".0a1b2c3d"])
async def test_what_a_killed_process_left_of_a_file_is_swept_but_not_what_is_being_written(
    left: str, root: Path, store: FileStore
) -> None:
    await take_turn(store)
    leftover = session_file(root).with_name(f"{KEY.digest}{left}.new")
    with leftover.open("wb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        await store.sweep()
        assert leftover.exists()

    await store.sweep()

    assert [file.name for file in leftover.parent.iterdir()] == [KEY.digest]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(data=st.data())
async def test_no_changed_bit_goes_unnoticed(data: st.DataObject, root: Path, store: FileStore) -> None:
    if await store.read(KEY) is None:
        await write_turns(store)
    file = session_file(root)
    whole = file.read_bytes()
    turns = await all_turns(store)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    file.write_bytes(changed)

    try:
        found = await all_turns(store)
    except SessionCorrupt:
        found = turns
    file.write_bytes(whole)

    assert found == turns


async def test_a_disk_without_room_takes_nothing_and_heals(
    root: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_turns(store)
    before = session_file(root).read_bytes()
    pwrite = os.pwrite

    def fill_up(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "no room")
        return pwrite(descriptor, data[:50], offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fill_up)
        with pytest.raises(StoreFull):
            await take_turn(store)

    assert session_file(root).read_bytes() == before
    assert (await take_turn(store)).turn == TURNS + 1


async def test_a_write_that_the_disk_does_not_confirm_is_cut_off_and_may_have_been_applied(
    root: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_turns(store)
    before = session_file(root).read_bytes()

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "the disk is dying")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreUnavailable) as caught:
            await take_turn(store)

    assert caught.value.maybe_applied
    assert session_file(root).read_bytes() == before
    assert (await take_turn(store)).turn == TURNS + 1


async def test_a_turn_is_flushed_and_so_is_the_name_of_a_new_session(
    root: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    file = session_file(root)

    await take_turn(store)
    new = file.with_name(f"{file.name}.new")
    assert flushed == [file.parent.parent.parent, file.parent.parent, new, file.parent]
    await take_turn(store)
    assert flushed[4:] == [file]
