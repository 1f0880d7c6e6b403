"""A session's file is written anew when most of it is of no use: nobody notices but the disk."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.faults_disk import Disk, Fault

from parley_server.stores.file import FileStore, log
from parley_server.stores.file.directory import SessionDirectory
from parley_server.stores.file.log import SessionLog
from parley_server.stores.holds import Loaded, NewTurn
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import TurnRecord
from parley_server.testing.contract.scene import KEY
from parley_server.testing.contract.scene import take_turn as take_turn_of

KIB = 1024
SNAPSHOT = 60 * KIB
WASTEFUL = 6
"""The turn after which a file with such snapshots is written anew."""


class Killed(BaseException):
    """The end of a process."""


class DeadlyDisk(Disk):
    """Ends nothing but what is asked of it."""

    def end(self) -> None:
        raise Killed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
def directory(root: Path) -> Iterator[SessionDirectory]:
    with closing(SessionDirectory(root, StoreOptions())) as directory:
        yield directory


@pytest.fixture
def no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def session_file(root: Path) -> Path:
    digest = KEY.digest
    return root / "sessions" / digest[:2] / digest[2:4] / digest


def names_beside(file: Path) -> list[str]:
    return [entry.name for entry in file.parent.iterdir()]


def take_turn(directory: SessionDirectory, *, snapshot: int = SNAPSHOT, data: bytes = b"data") -> TurnRecord:
    opened = directory.take(KEY, request_id="", recent=0)
    new = NewTurn(snapshot=bytes(snapshot), request_id=f"request {opened.version + 1}", data=data, expires_in=None)
    record, wasteful = directory.append(KEY, opened, new, held=True)
    if wasteful:
        directory.compact(KEY.digest)
    return record


def take_turns(directory: SessionDirectory, turns: int) -> list[TurnRecord]:
    return [take_turn(directory) for _ in range(turns)]


def delete(directory: SessionDirectory) -> None:
    directory.delete(KEY, directory.take(KEY, request_id="", recent=0), held=True)


def loaded(directory: SessionDirectory, **asked: int | str) -> Loaded:
    return directory.load(KEY, request_id=str(asked.get("request_id", "")), recent=int(asked.get("recent", 0)))


def everything(directory: SessionDirectory) -> tuple[TurnRecord, ...]:
    return directory.page(KEY, after=0, page_bytes=100 * KIB * KIB)


def test_a_file_of_little_use_is_written_anew(root: Path, directory: SessionDirectory) -> None:
    turns = take_turns(directory, WASTEFUL - 1)
    assert session_file(root).stat().st_size > (WASTEFUL - 1) * SNAPSHOT

    turns.append(take_turn(directory))

    assert session_file(root).stat().st_size < SNAPSHOT + 2 * KIB
    assert everything(directory) == tuple(turns)
    assert take_turn(directory).turn == WASTEFUL + 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@example(sizes=[(1000, 20)] * 140)
@given(sizes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 300)), min_size=1, max_size=140))
def test_whatever_was_written_anew_reads_as_before(
    sizes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(log, "_LEAST_WASTE", 1)
    with closing(SessionDirectory(tmp_path_factory.mktemp("sessions"), StoreOptions())) as directory:
        turns = [
            take_turn(directory, snapshot=snapshot, data=bytes([number % 256]) * data)
            for number, (snapshot, data) in enumerate(sizes)
        ]

        for turn in turns[-128:]:
            assert loaded(directory, request_id=turn.request_id).repeat == turn
        for after in range(len(turns)):
            assert directory.page(KEY, after=after, page_bytes=0)[0] == turns[after]
        session = loaded(directory, recent=len(turns))
        assert session.recent == tuple(turns)
        assert session.stored is not None
        assert (len(session.stored.snapshot), session.version) == (sizes[-1][0], len(turns))


def take_turns_until_the_end(root: Path, disk: Disk) -> list[TurnRecord]:
    """Takes some turns, after the first of which the file is written anew, unless the disk ends the process before."""
    turns: list[TurnRecord] = []
    with closing(SessionDirectory(root, StoreOptions())) as directory, suppress(Killed), disk.inserted():
        for _ in range(4):
            turns.append(take_turn(directory))  # noqa: PERF401 (what was told before the end counts)
        disk.stop()
    return turns


@pytest.mark.parametrize("fault", [Fault.KILL, Fault.TEAR, Fault.POWER])
def test_wherever_the_process_ends_the_file_is_whole(
    fault: Fault, root: Path, directory: SessionDirectory, tmp_path: Path
) -> None:
    before = take_turns(directory, WASTEFUL - 1)
    for point in count():
        copy = tmp_path / str(point)
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns("leases"))
        told = take_turns_until_the_end(copy, DeadlyDisk(copy / "sessions", fault, point))

        with closing(SessionDirectory(copy, StoreOptions())) as later:
            found = everything(later)
            assert list(found[: len(before + told)]) == before + told
            assert len(found) <= len(before + told) + 1
            assert later.sweep(session_file(copy).parent) == 0
            assert names_beside(session_file(copy)) == [KEY.digest]
            assert [*found, *take_turns(later, WASTEFUL)] == list(everything(later))
        if len(told) == 4:
            break
    assert point > 15, "turns and a new file were to be written and flushed"


def test_who_has_the_old_file_open_reads_on(root: Path, directory: SessionDirectory) -> None:
    turns = take_turns(directory, WASTEFUL - 1)
    with session_file(root).open("rb") as old:
        turns.append(take_turn(directory))

        reader = SessionLog(old.fileno(), bytes.fromhex(KEY.digest))
        last = reader.last()

        assert old.seek(0, os.SEEK_END) > session_file(root).stat().st_size
        assert reader.page(last, after=0, page_bytes=KIB) == tuple(turns)


def test_a_file_that_can_not_be_written_anew_stays_and_is_tried_again_later(
    root: Path, directory: SessionDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no room")

    turns = take_turns(directory, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        turns += take_turns(directory, 2 * WASTEFUL - 5)

    assert everything(directory) == tuple(turns)
    assert caplog.text.count("could not be compacted") == 1
    assert names_beside(session_file(root)) == [KEY.digest]
    while session_file(root).stat().st_size > 2 * SNAPSHOT:
        turns.append(take_turn(directory))
    assert everything(directory) == tuple(turns)
    assert len(turns) < 3 * WASTEFUL


@contextmanager
def meanwhile(what: Callable[[], object], *, piece: int) -> Iterator[None]:
    """Does something once, before the n-th piece of a new file is written."""
    write = os.write
    pieces = count(1)

    def call(descriptor: int, data: bytes) -> int:
        if next(pieces) == piece:
            what()
        return write(descriptor, data)

    with patch.object(os, "write", call):
        yield


@pytest.mark.parametrize("piece", [1, 3, WASTEFUL - 1])
def test_turns_that_come_while_a_file_is_written_anew_are_in_it(
    piece: int, root: Path, directory: SessionDirectory
) -> None:
    turns = take_turns(directory, WASTEFUL - 1)

    def take_more() -> None:
        turns.extend(take_turns(directory, 2))

    opened = directory.take(KEY, request_id="", recent=0)
    new = NewTurn(snapshot=bytes(SNAPSHOT), request_id=f"request {WASTEFUL}", data=b"data", expires_in=None)
    turns.append(directory.append(KEY, opened, new, held=True)[0])
    with meanwhile(take_more, piece=piece):
        directory.compact(KEY.digest)

    assert everything(directory) == tuple(turns)
    assert session_file(root).stat().st_size < 2 * SNAPSHOT
    assert take_turn(directory).turn == len(turns) + 1
    assert names_beside(session_file(root)) == [KEY.digest]


def test_a_session_that_is_deleted_while_its_file_is_written_anew_does_not_come_back(
    root: Path, directory: SessionDirectory
) -> None:
    take_turns(directory, WASTEFUL - 1)

    with meanwhile(lambda: delete(directory), piece=2):
        take_turn(directory)

    assert loaded(directory) == Loaded()
    assert names_beside(session_file(root)) == []


def test_a_session_that_is_begun_anew_while_the_old_ones_file_is_written_stays_the_new_one(
    root: Path, directory: SessionDirectory
) -> None:
    take_turns(directory, WASTEFUL - 1)

    def begin_anew() -> None:
        delete(directory)
        take_turn(directory, data=b"new")

    with meanwhile(begin_anew, piece=2):
        take_turn(directory)

    assert [turn.data for turn in everything(directory)] == [b"new"]
    assert names_beside(session_file(root)) == [KEY.digest]


def test_of_two_that_write_a_file_anew_the_slower_one_gives_up(root: Path, directory: SessionDirectory) -> None:
    turns = take_turns(directory, WASTEFUL - 1)

    def compact_and_go_on() -> None:
        with closing(SessionDirectory(root, StoreOptions())) as other:
            other.compact(KEY.digest)
            turns.append(take_turn(other))

    with meanwhile(compact_and_go_on, piece=2):
        turns.insert(WASTEFUL - 1, take_turn(directory))

    assert everything(directory) == tuple(turns)
    assert names_beside(session_file(root)) == [KEY.digest]


async def test_turns_do_not_wait_for_a_file_that_is_written_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, going_on = threading.Event(), threading.Event()
    write = os.write

    def hang(descriptor: int, data: bytes) -> int:
        if threading.current_thread().name.startswith("parley-compaction"):
            begun.set()
            going_on.wait()
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", hang)
    store = await FileStore.connect(root)
    try:
        while not begun.is_set():
            await take_turn_of(store, snapshot=bytes(SNAPSHOT))
        later = [await take_turn_of(store) for _ in range(3)]
    finally:
        going_on.set()
        await store.close()

    store = await FileStore.connect(root)
    assert (await store.read_turns(KEY, after=later[0].turn - 1)) == tuple(later)
    await store.close()


def test_a_damaged_file_is_not_written_anew(
    root: Path, directory: SessionDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    take_turns(directory, WASTEFUL - 1)
    file = session_file(root)
    damaged = file.read_bytes().replace(b"request 2", b"REQUEST 2", 1)
    file.write_bytes(damaged)

    assert take_turn(directory).turn == WASTEFUL

    assert file.read_bytes().startswith(damaged)
    assert "turn 2 is damaged" in caplog.text


@pytest.mark.usefixtures("no_flush")
@pytest.mark.parametrize(("snapshot", "data"), [(2 * KIB, 500), (12 * KIB, 50)])
def test_what_is_written_for_a_turn_does_not_grow_with_the_history(
    snapshot: int, data: int, root: Path, directory: SessionDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def counting(write: Any) -> Any:
        def call(descriptor: int, data: bytes, *offset: int) -> int:
            nonlocal written
            done: int = write(descriptor, data, *offset)
            written += done
            return done

        return call

    monkeypatch.setattr(os, "write", counting(os.write))
    monkeypatch.setattr(os, "pwrite", counting(os.pwrite))
    for turn in range(1, 2001):
        take_turn(directory, snapshot=snapshot, data=bytes(data))
        live = snapshot + KIB + turn * (data + 128)
        assert session_file(root).stat().st_size < 256 * KIB + 6 * live

    # A turn is its snapshot, its data and its marks of the turns before.
    assert written < 1.5 * 2000 * (snapshot + data + KIB)
