import asyncio
import resource
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from parley_server.errors import InvalidSettings, StoreError, StoreFull, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.sqlite import SqliteStore
from parley_server.stores.sqlite.store import has_wal_race
from parley_server.testing.contract.scene import KEY, all_turns, take_turn

TIMEOUT = timedelta(milliseconds=200)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def connections() -> list[apsw.Connection]:
    return []


@pytest.fixture
async def store(path: Path, connections: list[apsw.Connection]) -> AsyncIterator[SqliteStore]:
    def note(connection: apsw.Connection) -> None:
        if connection.filename == str(path):
            connections.append(connection)

    apsw.connection_hooks.append(note)
    store = await SqliteStore.connect(path, StoreOptions(timeout=TIMEOUT))
    yield store
    await store.close()
    apsw.connection_hooks.remove(note)


def statement(path: Path, statement: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(statement)


async def test_the_file_is_for_its_owner_alone(path: Path, store: SqliteStore) -> None:
    await take_turn(store)

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("sessions.db*") if file.is_file()} == {0o600}


async def test_a_newer_format_is_refused_and_left_as_it_is(path: Path, store: SqliteStore) -> None:
    await store.close()
    statement(path, "PRAGMA user_version = 3")

    with pytest.raises(InvalidSettings, match="another version of parley"):
        await SqliteStore.connect(path)
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("user_version") == 3


async def test_another_programs_database_is_refused(path: Path) -> None:
    statement(path, "CREATE TABLE theirs (a)")

    with pytest.raises(InvalidSettings, match="another program"):
        await SqliteStore.connect(path)


@pytest.mark.parametrize("place", ["text.txt", "nowhere/sessions.db", "."])
async def test_what_can_not_be_a_database_is_unavailable(tmp_path: Path, place: str) -> None:
    (tmp_path / "text.txt").write_text("no database " * 1000)

    with pytest.raises(StoreUnavailable):
        await SqliteStore.connect(tmp_path / place)


async def test_a_full_database_says_so_keeps_what_it_has_and_heals(
    store: SqliteStore, connections: list[apsw.Connection]
) -> None:
    await take_turn(store)
    pages = connections[0].pragma("page_count")
    connections[0].pragma("max_page_count", pages)

    with pytest.raises(StoreFull):
        await take_turn(store, data=bytes(1_000_000))

    assert (await take_turn(store)).turn == 2


async def test_a_turn_that_has_no_room_does_not_spoil_the_others(
    store: SqliteStore, connections: list[apsw.Connection]
) -> None:
    await take_turn(store)
    connections[0].pragma("max_page_count", connections[0].pragma("page_count") + 20)
    keys = [SessionKey("tenant", str(number)) for number in range(8)]

    turns = await asyncio.gather(
        *(take_turn(store, key, data=bytes(1_000_000 if key is keys[3] else 10)) for key in keys),
        return_exceptions=True,
    )

    assert [type(turn).__name__ for turn in turns] == ["TurnRecord"] * 3 + ["StoreFull"] + ["TurnRecord"] * 4


async def test_a_turn_that_the_system_did_not_write_is_committed_once_when_it_is_sent_again(
    path: Path, store: SqliteStore, request: pytest.FixtureRequest
) -> None:
    await take_turn(store)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = path.with_name("sessions.db-wal")
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))

    # From here on the system writes half a page more, and then fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 2048, most))
    with pytest.raises(StoreError):
        await take_turn(store, request_id="r")
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    assert (await take_turn(store, request_id="r")).turn == 2
    assert [turn.request_id for turn in await all_turns(store)] == ["", "r"]


async def test_a_database_that_another_process_keeps_locked_is_unavailable_and_nothing_is_applied(
    path: Path, store: SqliteStore
) -> None:
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as caught:
            await take_turn(store)
        assert not caught.value.maybe_applied
        other.execute("ROLLBACK")

    assert (await take_turn(store)).turn == 1


async def test_a_commit_that_hangs_is_unavailable_in_time_and_may_have_been_applied(
    store: SqliteStore, connections: list[apsw.Connection]
) -> None:
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    def hang() -> bool:
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result()
        return False

    connections[0].set_commit_hook(hang)
    with pytest.raises(StoreUnavailable) as caught:
        await take_turn(store, request_id="r")
    assert caught.value.maybe_applied
    answered.set()

    assert (await take_turn(store, request_id="r")).turn == 1


async def test_what_waits_behind_a_commit_that_hangs_is_not_applied(
    store: SqliteStore, connections: list[apsw.Connection]
) -> None:
    loop = asyncio.get_running_loop()
    hanging, answered = asyncio.Event(), asyncio.Event()
    other = SessionKey("tenant", "another")

    def hang() -> bool:
        loop.call_soon_threadsafe(hanging.set)
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result()
        return False

    async with store.open(other) as session:
        connections[0].set_commit_hook(hang)
        first = asyncio.create_task(take_turn(store))
        await hanging.wait()
        with pytest.raises(StoreUnavailable) as caught:
            await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)
        assert not caught.value.maybe_applied
        answered.set()
        with pytest.raises(StoreUnavailable):
            await first

    assert await store.read(other) is None


async def test_turns_that_come_together_are_committed_together(
    store: SqliteStore, connections: list[apsw.Connection]
) -> None:
    commits = 0

    def count() -> bool:
        nonlocal commits
        commits += 1
        return False

    connections[0].set_commit_hook(count)

    await asyncio.gather(*(take_turn(store, SessionKey("tenant", str(number))) for number in range(64)))

    assert commits == 1


async def test_what_was_asked_for_at_the_moment_of_the_end_is_done(store: SqliteStore) -> None:
    await take_turn(store)

    stored, _ = await asyncio.gather(store.read(KEY), store.close())

    assert stored is not None


async def test_what_the_server_wrote_survives_its_connection(path: Path, store: SqliteStore) -> None:
    await take_turn(store)
    # What a killed process leaves: the database and its log, as they stand at this moment.
    copy = path.with_name("copy.db")
    for end in ("", "-wal"):
        copy.with_name(f"copy.db{end}").write_bytes(path.with_name(f"sessions.db{end}").read_bytes())

    later = await SqliteStore.connect(copy)
    try:
        assert await later.read(KEY) == await store.read(KEY)
    finally:
        await later.close()


@pytest.mark.parametrize(
    ("version", "race"),
    [
        ("3.40.1", True),
        ("3.44.5", True),
        ("3.44.6", False),
        ("3.50.4", True),
        ("3.50.7", False),
        ("3.51.2", True),
        ("3.51.3", False),
        ("3.52.0", False),
        ("4.0.0", False),
    ],
)
def test_versions_that_can_damage_a_shared_log_are_known(version: str, race: bool) -> None:
    assert has_wal_race(version) is race


async def test_such_a_version_does_not_serve_several_processes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.1")

    with pytest.raises(InvalidSettings, match=r"3\.51\.3 or newer"):
        await SqliteStore.connect(path, StoreOptions(shared=True))


async def test_such_a_version_serves_one_process_and_says_what_it_can_not(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.1")

    store = await SqliteStore.connect(path)

    assert (await take_turn(store)).turn == 1
    assert "SQLite 3.51.1 can lose data that several processes write" in caplog.text
    await store.close()
