"""The file of a database: made whole, refused when it was emptied, replaced or damaged, never begun anew unasked."""
# ruff: noqa: ASYNC240 (a test may wait for its files)

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import apsw
import apsw.sqlite_extra
import pytest
from support.sqlite_files import unload_checksums

from parley_server.errors import InvalidSettings, SessionCorrupt, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.sqlite import SqliteStore
from parley_server.stores.sqlite.database import is_damage
from parley_server.testing.contract.scene import KEY, all_turns, take_turn

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.connect(path)
    yield store
    await store.close()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


async def reopened(path: Path) -> None:
    """Opens the database, and closes it again."""
    await (await SqliteStore.connect(path)).close()


async def test_a_database_is_there_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path, _target: Path) -> None:
        raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(StoreUnavailable):
            await SqliteStore.connect(path)

    assert [entry.name for entry in path.parent.iterdir()] == []
    await reopened(path)


async def test_of_many_that_find_no_database_one_makes_it(path: Path) -> None:
    stores = await asyncio.gather(*(SqliteStore.connect(path) for _ in range(8)))

    secrets = {await store.secret() for store in stores}
    await asyncio.gather(*(store.close() for store in stores))

    assert len(secrets) == 1


async def test_an_emptied_database_is_refused_and_stays_as_it_is(path: Path) -> None:
    path.touch()

    with pytest.raises(InvalidSettings, match="has been emptied: put the database back"):
        await SqliteStore.connect(path)
    assert path.stat().st_size == 0


async def test_a_database_that_went_and_left_its_log_is_not_made_anew(path: Path) -> None:
    log_of(path).write_bytes(b"turns")

    with pytest.raises(InvalidSettings, match="turns are left in"):
        await SqliteStore.connect(path)
    assert not path.exists()


async def test_a_database_that_ends_in_the_midst_of_a_page_is_refused(path: Path, store: SqliteStore) -> None:
    for number in range(20):
        await take_turn(store, SessionKey("t", f"s{number}"))
    await store.close()
    whole = path.read_bytes()

    for cut in (1, 100, PAGE // 2, PAGE - 1):
        path.write_bytes(whole[:-cut])
        with pytest.raises(InvalidSettings, match="ends in the midst of a page"):
            await SqliteStore.connect(path)
    path.write_bytes(whole)
    await reopened(path)


async def test_a_page_that_a_checkpoint_was_writing_when_the_server_was_killed_comes_from_the_log(
    path: Path, tmp_path: Path
) -> None:
    copy = await killed_with_a_log(path, tmp_path / "copy.db")
    with copy.open("ab") as database:
        database.write(b"half a page")

    store = await SqliteStore.connect(copy)

    assert len(await all_turns(store)) == 5
    await store.close()


@pytest.mark.parametrize("change", ["emptied", "cut", "removed", "replaced"])
async def test_a_database_that_goes_below_a_running_server_is_unavailable_until_it_is_back(
    change: str, path: Path, tmp_path: Path, store: SqliteStore
) -> None:
    await take_turn(store)
    await reopened(tmp_path / "other.db")
    # With two connections the log stays in its file, as with a server of several processes.
    second = await SqliteStore.connect(path)
    backup = path.with_name("backup.db")
    with closing(apsw.Connection(str(path))) as source:
        source.execute("PRAGMA wal_checkpoint(FULL)")
        shutil.copy(path, backup)
    changes: dict[str, Callable[[], object]] = {
        "emptied": lambda: path.write_bytes(b""),
        "cut": lambda: os.truncate(path, path.stat().st_size - 100),
        "removed": path.unlink,
        "replaced": lambda: (tmp_path / "other.db").rename(path),
    }

    changes[change]()

    for each in (store, second):
        for call in (take_turn(each), each.read(KEY), each.ready()):
            await refused(call)
    shutil.copy(backup, path)
    for each in (store, second):
        await each.ready()
        assert await each.read(KEY)
    assert (await take_turn(store)).turn == 2
    await second.close()


async def refused(call: Awaitable[object]) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await call
    assert not caught.value.maybe_applied


async def test_a_database_without_its_checksums_is_refused(path: Path, store: SqliteStore) -> None:
    await store.close()
    content = bytearray(path.read_bytes())
    # How many bytes each page keeps for its checksum.
    content[20] = 0
    path.write_bytes(content)

    with pytest.raises(InvalidSettings, match="lost their checksums"):
        await SqliteStore.connect(path)


async def test_without_checksums_in_apsw_it_is_said_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_connection: apsw.Connection, _extension: str) -> None:
        raise apsw.sqlite_extra.NotAvailable("no")

    unload_checksums()
    with monkeypatch.context() as patch:
        patch.setattr(apsw.sqlite_extra, "load", fail)
        with pytest.raises(InvalidSettings, match="install the wheel from PyPI"):
            await SqliteStore.connect(path)

    await reopened(path)


async def test_a_damaged_page_is_its_sessions_loss_alone(path: Path, store: SqliteStore) -> None:
    keys = [SessionKey("t", f"s{number}") for number in range(60)]
    for key in keys:
        await take_turn(store, key, snapshot=b"\xaa" * 3000, data=b"", request_id="r")
    await store.close()
    content = path.read_bytes()
    page = content.index(b"\xaa" * 1000, len(content) // 2) // PAGE
    flip(path, page * PAGE + PAGE // 2)

    damaged = await SqliteStore.connect(path)
    corrupt = [key for key in keys if not await readable(damaged, key)]
    scanned = damaged.scan()
    for _ in range(len(keys) - len(corrupt)):
        await anext(scanned)
    with pytest.raises(SessionCorrupt):
        await anext(scanned)
    with pytest.raises(SessionCorrupt):
        await take_turn(damaged, corrupt[0])
    others = await asyncio.gather(*(take_turn(damaged, key) for key in keys if key not in corrupt))
    await damaged.close()

    assert 1 <= len(corrupt) <= 2
    assert {turn.turn for turn in others} == {2}


async def readable(store: SqliteStore, key: SessionKey) -> bool:
    try:
        return await store.read(key) is not None
    except SessionCorrupt:
        return False


async def test_whoever_watches_another_session_than_the_damaged_one_is_woken(path: Path, store: SqliteStore) -> None:
    other = SessionKey("t", "other")
    await take_turn(store, other)
    for number in range(20):
        await take_turn(store, SessionKey("t", f"s{number}"), snapshot=b"\xaa" * 3000)
    await take_turn(store, snapshot=b"\xbb" * 3000)
    await store.close()
    flip(path, path.read_bytes().index(b"\xbb" * 3000))

    damaged = await SqliteStore.connect(path)
    with closing(apsw.Connection(str(path))) as connection:
        digest = bytes.fromhex(KEY.digest)
        with pytest.raises(apsw.IOError) as caught:
            connection.execute("SELECT version FROM sessions WHERE key = ?", (digest,)).fetchall()
    assert is_damage(caught.value)
    async with damaged.watch(KEY), damaged.watch(other) as others:
        await take_turn(damaged, other)
        await anext(others)
    await damaged.close()


async def killed_with_a_log(path: Path, copy: Path) -> Path:
    """What a server leaves that was killed after some turns in a log that goes on after an earlier one."""
    store = await SqliteStore.connect(path)
    for number in range(5):
        await take_turn(store, request_id=f"r{number}")
    for end in ("", "-wal", "-shm"):
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    await store.close()
    return copy


async def test_a_whole_log_is_read(path: Path, tmp_path: Path) -> None:
    copy = await killed_with_a_log(path, tmp_path / "copy.db")

    store = await SqliteStore.connect(copy)

    assert len(await all_turns(store)) == 5
    await store.close()


@pytest.mark.parametrize("damage", ["cut", "emptied", "removed", "flipped", "flipped header"])
async def test_a_damaged_log_is_refused_until_it_is_back(damage: str, path: Path, tmp_path: Path) -> None:
    copy = await killed_with_a_log(path, tmp_path / "copy.db")
    log = log_of(copy)
    whole = log.read_bytes()
    changes: dict[str, Callable[[], object]] = {
        "cut": lambda: log.write_bytes(whole[:-100]),
        "emptied": lambda: log.write_bytes(b""),
        "removed": log.unlink,
        "flipped": lambda: flip(log, len(whole) - 100),
        "flipped header": lambda: flip(log, 17),
    }

    changes[damage]()
    for _ in range(2):
        with pytest.raises(InvalidSettings, match="the log of the database, is damaged"):
            await SqliteStore.connect(copy)
    log.write_bytes(whole)
    store = await SqliteStore.connect(copy)

    assert len(await all_turns(store)) == 5
    await store.close()


@pytest.mark.parametrize("place", ["midst", "header"])
async def test_a_log_without_its_index_is_refused_if_commits_follow_the_damage(
    place: str, path: Path, tmp_path: Path
) -> None:
    copy = await killed_with_a_log(path, tmp_path / "copy.db")
    Path(f"{copy}-shm").unlink()
    flip(log_of(copy), 17 if place == "header" else log_of(copy).stat().st_size // 2)

    with pytest.raises(InvalidSettings, match="the log of the database, is damaged"):
        await SqliteStore.connect(copy)


async def test_a_log_that_was_being_begun_anew_has_lost_nothing(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.connect(path)
    await take_turn(store)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
        copy = tmp_path / "copy.db"
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{copy}{end}")
    await store.close()
    # Its header was half written when the power went.
    flip(log_of(copy), 15)

    later = await SqliteStore.connect(copy)

    assert len(await all_turns(later)) == 1
    await later.close()
