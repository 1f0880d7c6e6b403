from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from parley_server.errors import InvalidSettings
from parley_server.stores import registry
from parley_server.stores.file import FileStore
from parley_server.stores.memory import InMemoryStore
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability, StateStore
from parley_server.stores.registry import open_store, redacted
from parley_server.stores.sqlite import SqliteStore


async def open_plugged_in(url: str, options: StoreOptions) -> StateStore:
    return InMemoryStore(clock=options.clock)


async def closed(store: StateStore) -> StateStore:
    await store.close()
    return store


async def test_a_url_opens_the_store_of_its_scheme(tmp_path: Path) -> None:
    assert isinstance(await closed(await open_store("memory://")), InMemoryStore)
    assert isinstance(await closed(await open_store(f"sqlite:///{tmp_path}/sessions.db")), SqliteStore)
    assert isinstance(await closed(await open_store(f"file://{tmp_path}/sessions")), FileStore)


async def test_three_slashes_are_a_relative_path_and_four_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    await closed(await open_store("sqlite:///a%20b.db"))
    await closed(await open_store(f"sqlite:///{tmp_path}/absolute.db"))

    assert (tmp_path / "a b.db").exists()
    assert (tmp_path / "absolute.db").exists()


async def test_an_entry_point_adds_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", f"{__name__}:open_plugged_in", registry.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _: open_plugged_in)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [point])

    assert isinstance(await closed(await open_store("mine://anywhere")), InMemoryStore)


@pytest.mark.parametrize("url", ["", "nowhere", "sqlite", "ftp://u:secret@host/x", "sqlite:x.db"])
async def test_an_unknown_scheme_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(InvalidSettings, match="known are file://, memory://, redis://") as caught:
        await open_store(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["memory://name", "sqlite://", "sqlite:///", "sqlite://x.db", "sqlite:///:memory:", "sqlite:///directory/",
     "file://", "file:///", "file://relative"],
)  # fmt: skip
async def test_a_url_that_names_no_place_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings):
        await open_store(url)


async def test_several_workers_can_not_share_memory() -> None:
    with pytest.raises(InvalidSettings, match="inside one process"):
        await open_store("memory://", options=StoreOptions(shared=True))


async def test_a_durability_that_the_store_does_not_have_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"

    await closed(await open_store(url, StoreOptions(durability=Durability.DISK)))
    with pytest.raises(InvalidSettings, match="'disk', which is less than the 'replicated'"):
        await open_store(url, StoreOptions(durability=Durability.REPLICATED))


async def test_a_missing_package_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: EntryPoint) -> None:
        raise ModuleNotFoundError(name="hiredis")

    monkeypatch.setattr(EntryPoint, "load", fail)

    with pytest.raises(InvalidSettings, match=r"its extra `redis`: pip install '\.\[redis\]' in its source"):
        await open_store("redis://localhost")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@host:6379/0?password=secret", "redis://host:6379/0"),
        ("redis://:se/cret@host/0#secret", "redis://host/0"),
        ("redis://:se#cr@et?@host", "redis://host"),
        ("redis+sentinel://a:1,b:2/main", "redis+sentinel://a:1,b:2/main"),
        ("secret", "…"),
    ],
)
def test_nothing_secret_of_a_url_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown
