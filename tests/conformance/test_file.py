import os
from datetime import timedelta
from pathlib import Path

import pytest

from parley_server.ids import SessionKey
from parley_server.stores.file import FileStore
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore
from parley_server.testing.backing import Backing
from parley_server.testing.clock import ManualClock
from parley_server.testing.store_contract import StoreContract


class FileBacking(Backing):
    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._clock = ManualClock()
        self._root = root
        self._read = 0

    async def open(self) -> StateStore:
        return await FileStore.connect(self._root, StoreOptions(clock=self._clock))

    async def another(self) -> StateStore:
        return await self.open()

    def elsewhere(self) -> "FileBacking":
        return FileBacking(self._root.with_name("elsewhere"), self._monkeypatch)

    def url(self) -> str:
        return f"file://{self._root}"

    def advance(self, by: timedelta) -> None:
        self._clock.advance(by)

    async def damage_snapshot(self, key: SessionKey) -> None:
        self._flip_bit(key, b"snapshot", turn=1)

    async def damage_turn(self, key: SessionKey, turn: int) -> None:
        self._flip_bit(key, b"data", turn=turn)

    async def vanish(self) -> None:
        self._root.rename(self._root.with_suffix(".away"))

    async def come_back(self) -> None:
        self._root.with_suffix(".away").rename(self._root)

    def effort(self) -> int:
        return self._read

    def hurry(self) -> None:
        self._monkeypatch.setattr(os, "fsync", lambda _: None)

    def count_reads(self) -> None:
        pread = os.pread

        def counting(descriptor: int, length: int, offset: int) -> bytes:
            self._read += length
            return pread(descriptor, length, offset)

        self._monkeypatch.setattr(os, "pread", counting)

    def _flip_bit(self, key: SessionKey, what: bytes, *, turn: int) -> None:
        digest = key.digest
        file = self._root / "sessions" / digest[:2] / digest[2:4] / digest
        content = bytearray(file.read_bytes())
        at = -1
        for _ in range(turn):
            at = content.index(what, at + 1)
        content[at] ^= 1
        file.write_bytes(content)


class TestFileStore(StoreContract):
    @pytest.fixture
    def backing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileBacking:
        backing = FileBacking(tmp_path / "sessions", monkeypatch)
        backing.count_reads()
        return backing
