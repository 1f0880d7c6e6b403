"""Reading, following and ending a session while others talk in it, end it, and begin another one of its name."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeAlias

import pytest
from support.faults_core import Core, core

from parley_server.errors import SessionNotFound
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.service.events import Ended, SessionPart, SessionView
from parley_server.stores.memory import InMemoryStore
from parley_server.stores.options import utc_now

KEY = SessionKey(DEFAULT_TENANT, "s")

Reading: TypeAlias = Callable[[Core], AsyncGenerator[SessionPart, None]]


@pytest.fixture
async def server() -> AsyncIterator[Core]:
    async with core(InMemoryStore(clock=utc_now)) as server:
        yield server


async def talk(server: Core, *requests: str) -> None:
    for request_id in requests:
        await server.line()("s", request_id, f"s/{request_id}")


async def end(server: Core) -> None:
    async for _ in server.sessions.end(KEY):
        pass


async def end_and_begin_anew(server: Core) -> None:
    await end(server)
    await talk(server, "new")


def ending(server: Core) -> AsyncGenerator[SessionPart, None]:
    return server.sessions.end(KEY, include_history=True)


def getting(server: Core) -> AsyncGenerator[SessionPart, None]:
    return server.sessions.get(KEY, include_history=True)


def following(server: Core) -> AsyncGenerator[SessionPart, None]:
    return server.sessions.follow(KEY, include_history=True)


def told(parts: list[SessionPart]) -> list[str]:
    """What parts say, in few words."""
    words: list[str] = []
    for part in parts:
        if isinstance(part, SessionView):
            words.append(f"session at {part.context.turn_count}")
        elif isinstance(part, Ended):
            words.append("ended")
        else:
            words += [f"{turn.turn} {turn.request_id}" for turn in part]
    return words


async def test_a_transcript_has_every_turn_once_also_those_that_came_while_it_was_given(server: Core) -> None:
    await talk(server, "a")
    parts = ending(server)

    first = await anext(parts)
    await talk(server, "b")
    page = await anext(parts)
    await talk(server, "c")
    rest = [part async for part in parts]

    assert told([first, page]) == ["session at 1", "1 a", "2 b"]
    assert told(rest) == ["session at 3", "3 c", "ended"]
    assert (await server.kept("s")).turns == ()


@pytest.mark.parametrize("reading", [ending, getting])
async def test_a_session_that_others_ended_before_it_was_read_is_not_mixed_with_the_next_one(
    reading: Reading, server: Core
) -> None:
    await talk(server, "a", "b")
    parts = reading(server)

    assert told([await anext(parts)]) == ["session at 2"]
    await end_and_begin_anew(server)
    with pytest.raises(SessionNotFound):
        await anext(parts)

    assert [turn.request_id for turn in (await server.kept("s")).turns] == ["new"]


async def test_a_session_that_was_ended_by_another_after_it_was_read_is_ended_and_the_next_one_stays(
    server: Core,
) -> None:
    await talk(server, "a")
    parts = ending(server)

    assert told([await anext(parts), await anext(parts)]) == ["session at 1", "1 a"]
    await end_and_begin_anew(server)

    assert told([part async for part in parts]) == ["ended"]
    assert [turn.request_id for turn in (await server.kept("s")).turns] == ["new"]


async def test_who_follows_is_told_of_the_session_after_a_turn_that_its_history_had_already(server: Core) -> None:
    await talk(server, "a")
    parts = following(server)

    first = await anext(parts)
    await talk(server, "b")
    page = await anext(parts)

    assert told([first, page, await anext(parts)]) == ["session at 1", "1 a", "2 b", "session at 2"]
    await parts.aclose()


@pytest.mark.parametrize("given", [1, 2])
async def test_who_follows_a_session_that_ends_is_told_so_and_nothing_of_the_next_one(given: int, server: Core) -> None:
    await talk(server, "a")
    parts = following(server)

    before = [await anext(parts) for _ in range(given)]
    await end_and_begin_anew(server)
    async with asyncio.timeout(10):
        after = [part async for part in parts]

    assert told(before) == ["session at 1", "1 a"][:given]
    assert told(after) == ["ended"]


async def test_many_who_talk_and_end_lose_and_mix_nothing(server: Core) -> None:
    transcripts: list[list[str]] = []

    async def keep_ending() -> None:
        for _ in range(5):
            parts = [part async for part in server.sessions.end(KEY, include_history=True, allow_missing=True)]
            transcripts.append([word for word in told(parts) if word[0].isdigit()])

    await asyncio.gather(*(talk(server, *(f"{who}-{n}" for n in range(10))) for who in range(5)), keep_ending())
    transcripts.append([f"{turn.turn} {turn.request_id}" for turn in (await server.kept("s")).turns])

    for transcript in transcripts:
        assert [word.split()[0] for word in transcript] == [str(n) for n in range(1, len(transcript) + 1)]
    assert sorted(word.split()[1] for transcript in transcripts for word in transcript) == sorted(
        f"{who}-{n}" for who in range(5) for n in range(10)
    )
