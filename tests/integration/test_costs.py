"""What a turn costs, in things that can be counted: so that nothing makes it dearer unnoticed."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import apsw
import grpc
import pytest
from support.redis_servers import NO_DISK, RedisServer
from support.servers import at_noon, definition, serving
from support.sqlite_files import sqlite_files

from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceStub
from parley_server.core.understanding import Situation, Understanding
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.nlu.rules import RulesUnderstander
from parley_server.stores.registry import open_store

ECHO = "assistant: echo\nflows: {f: {states: {s: {say: Hello there., on: [{when: always, to: s}]}}}}\n"
BOOKING = ("hi", "a consultation please", "next Friday", "3pm", "Ada Lovelace", "ada@example.org", "yes")


async def take(stub: Any, message: str = "hello", session_id: str = "s") -> list[wire.ChatResponse]:
    """Takes a turn; gives the messages that came over the wire."""
    call = stub.Chat(wire.ChatRequest(session_id=session_id, message=message))
    return [response async for response in call]


@asynccontextmanager
async def echoing(folder: Path, store: str) -> AsyncIterator[Any]:
    """A server that answers with a template, which has taken a first turn."""
    async with (
        serving(store=store, assistant=(definition(folder, ECHO),), clock=at_noon) as (server, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = ConversationServiceStub(channel)
        await take(stub)
        yield stub


@contextmanager
def flushes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts what is flushed to the disk, by whom."""
    counted: Counter[str] = Counter()
    fsync = os.fsync

    def count(descriptor: int) -> None:
        counted["file"] += 1
        fsync(descriptor)

    class CountedFile(apsw.VFSFile):
        def xSync(self, flags: int) -> None:  # noqa: N802  # named by apsw
            counted["SQLite"] += 1
            super().xSync(flags)

    class CountedDisk(apsw.VFS):
        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
            return CountedFile("unix", name, flags)

    with monkeypatch.context() as patch, sqlite_files(lambda: CountedDisk("counted", "unix", makedefault=True)):
        patch.setattr(os, "fsync", count)
        yield counted


async def test_a_turn_that_no_model_writes_is_one_message_on_the_wire(tmp_path: Path) -> None:
    async with echoing(tmp_path, "memory://") as stub:
        (response,) = await take(stub)

    kinds = [event.WhichOneof("event") for event in response.events]
    assert kinds == ["turn_started", "state_changed", "text_delta", "turn_completed"]
    assert response.ByteSize() <= 200


async def test_a_turn_is_one_task_of_parley(tmp_path: Path) -> None:
    made: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        if "parley_server" in str(work.cr_code.co_filename):  # The others are grpc's.
            made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **options)

    async with echoing(tmp_path, "memory://") as stub:
        asyncio.get_running_loop().set_task_factory(make)
        await take(stub)
        asyncio.get_running_loop().set_task_factory(None)

    assert made == ["Chat.take.<locals>.work"]


async def test_a_message_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    understand = RulesUnderstander.understand

    async def count(self: RulesUnderstander, message: str, situation: Situation, consultation: object) -> Understanding:
        read.append(message)
        return await understand(self, message, situation, consultation)

    monkeypatch.setattr(RulesUnderstander, "understand", count)
    async with serving() as (_, client):
        for message in BOOKING:
            await client.say(message, session_id="s")

    assert read == list(BOOKING)


async def test_a_turn_is_two_round_trips_to_redis(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", *NO_DISK) as server:
        async with echoing(tmp_path, server.url) as stub:
            before = server.count_calls("evalsha")
            for _ in range(10):
                await take(stub)

        assert server.count_calls("evalsha") - before == 20


async def test_a_turn_is_one_flush_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flushes(monkeypatch) as counted:
        async with echoing(tmp_path, f"file://{tmp_path / 'sessions'}") as stub:
            counted.clear()
            for _ in range(10):
                await take(stub)

            assert counted == {"file": 10}


async def test_a_turn_is_one_flush_of_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flushes(monkeypatch) as counted:
        async with echoing(tmp_path, f"sqlite:///{tmp_path / 'parley.db'}") as stub:
            counted.clear()
            for _ in range(10):
                await take(stub)

            assert counted == {"SQLite": 10}


async def test_turns_that_are_committed_together_share_a_flush_of_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [SessionKey(DEFAULT_TENANT, f"s-{number}") for number in range(64)]
    with flushes(monkeypatch) as counted:
        async with AsyncExitStack() as closing:
            store = await open_store(f"sqlite:///{tmp_path / 'parley.db'}")
            closing.push_async_callback(store.close)
            first, *others = [await closing.enter_async_context(store.open(key)) for key in keys]
            await first.commit(snapshot=b"s", request_id="", data=b"d", expires_in=None)  # Begins the log, too.
            counted.clear()

            await asyncio.gather(
                *(session.commit(snapshot=b"s", request_id="", data=b"d", expires_in=None) for session in others)
            )

            assert counted == {"SQLite": 1}


async def test_what_a_turn_writes_does_not_grow_with_the_session() -> None:
    async with serving(clock=at_noon) as (server, client):
        sizes = []
        key = SessionKey(DEFAULT_TENANT, "s")
        for _ in range(30):
            for message in ("a consultation please", "cancel"):
                await client.say(message, session_id="s")
            stored, records = await server.store.read(key), await server.store.read_turns(key)
            assert stored
            sizes.append(len(stored.snapshot) + len(records[-1].data))

    # A number takes a digit more now and then.
    assert max(sizes[1:]) - min(sizes[1:]) <= 8
    assert max(sizes) <= 1000
