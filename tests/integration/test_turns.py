"""What is promised of a turn, on a real server: once, in order, whole or not at all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from support.gates import GATED, Gate
from support.servers import definition, serving
from support.waiting import until

import parley
from parley import ConflictPolicy, DisconnectPolicy
from parley.v1.conversation_pb2 import GetSessionRequest
from parley_server.app import Running


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'parley.db'}"


@pytest.fixture
def gate() -> Gate:
    return Gate.fresh()


@pytest.fixture
async def served(store: str, gate: Gate, tmp_path: Path) -> AsyncIterator[tuple[Running, parley.AsyncClient]]:
    """A server whose assistant waits at a gate when it is told to."""
    async with serving(store=store, assistant=(definition(tmp_path, GATED),), waiting_turns=20) as served:
        yield served


@pytest.fixture
def client(served: tuple[Running, parley.AsyncClient]) -> parley.AsyncClient:
    return served[1]


async def said(client: parley.AsyncClient, session_id: str) -> list[str]:
    return [turn.user_message async for turn in client.history(session_id)]


async def queued(server: Running, count: int) -> None:
    """Returns when so many turns run or wait."""
    await until(lambda: len(server.turns) == count)


async def test_a_repeated_turn_is_replayed_and_applied_once(client: parley.AsyncClient) -> None:
    first = await client.say("one", session_id="s", request_id="r-1")
    await client.say("two", session_id="s", request_id="r-2")

    again = await client.say("one", session_id="s", request_id="r-1")

    assert (again.reply, again.replayed, first.replayed) == (first.reply, True, False)
    assert again.session.turn_count == 2
    assert await said(client, "s") == ["one", "two"]


async def test_a_replay_tells_the_same_events(client: parley.AsyncClient) -> None:
    async def events() -> list[parley.Event]:
        return [event async for event in client.chat("count me", session_id="s", request_id="r-1")]

    first, again = await events(), await events()

    assert first[:-1] == again[:-1]
    assert [type(event).__name__ for event in first] == [
        "TurnStarted",
        "StateChanged",
        "TextDelta",
        "TurnCompleted",
    ]


@pytest.mark.parametrize("change", [{"message": "two"}, {"user_id": "eve"}, {"metadata": {"a": 1}}])
async def test_a_request_id_is_not_reused_for_another_turn(
    client: parley.AsyncClient, change: dict[str, object]
) -> None:
    turn = {"message": "one", "session_id": "s", "request_id": "r-1"}
    await client.say(**turn)  # type: ignore[arg-type]  # a turn's own fields

    with pytest.raises(parley.RequestIdReused) as caught:
        await client.say(**{**turn, **change})  # type: ignore[arg-type]

    assert caught.value.applied == "no"
    assert await said(client, "s") == ["one"]


async def test_one_request_id_in_two_sessions_is_two_turns(client: parley.AsyncClient) -> None:
    for session_id in ("a", "b"):
        assert not (await client.say("one", session_id=session_id, request_id="r-1")).replayed


async def test_without_a_session_id_the_same_request_reaches_the_same_unguessable_session(
    client: parley.AsyncClient,
) -> None:
    first = await client.say("one", request_id="r-1")
    again = await client.say("one", request_id="r-1")
    other = await client.say("one", request_id="r-2")

    assert again.replayed
    assert again.session.session_id == first.session.session_id
    assert other.session.session_id != first.session.session_id
    assert len(first.session.session_id) >= 22
    assert "r-1" not in first.session.session_id


async def test_the_same_turn_sent_twice_at_once_runs_once(client: parley.AsyncClient, gate: Gate) -> None:
    async with asyncio.TaskGroup() as sending:
        turns = [
            sending.create_task(client.say("wait", session_id="s", request_id="r-1", timeout=timedelta(seconds=20)))
            for _ in range(5)
        ]
        await gate.reached()
        gate.open()

    replies = [turn.result() for turn in turns]
    assert len({reply.reply for reply in replies}) == 1
    assert Counter(reply.replayed for reply in replies) == {True: 4, False: 1}
    assert await said(client, "s") == ["wait"]


async def test_a_running_turn_is_not_taken_for_another_request_with_its_id(
    client: parley.AsyncClient, gate: Gate
) -> None:
    running = asyncio.create_task(client.say("wait", session_id="s", request_id="r-1"))
    await gate.reached()

    with pytest.raises(parley.RequestIdReused):
        await client.say("another", session_id="s", request_id="r-1")

    gate.open()
    assert (await running).reply == "wait: 1"


async def test_turns_of_one_session_are_taken_in_order_of_arrival(
    served: tuple[Running, parley.AsyncClient], gate: Gate
) -> None:
    server, client = served
    first = asyncio.create_task(client.say("wait", session_id="s"))
    await gate.reached()
    waiting: list[asyncio.Task[parley.TurnCompleted]] = []
    for number in range(10):
        waiting.append(asyncio.create_task(client.say(f"m{number}", session_id="s")))
        await queued(server, number + 2)
    gate.open()

    await asyncio.gather(first, *waiting)

    assert await said(client, "s") == ["wait", *(f"m{number}" for number in range(10))]


async def test_concurrent_turns_lose_nothing(client: parley.AsyncClient) -> None:
    replies = await asyncio.gather(*(client.say(f"m{number}", session_id="s") for number in range(20)))

    assert sorted(reply.session.turn_count for reply in replies) == list(range(1, 21))
    assert sorted(await said(client, "s")) == sorted(f"m{number}" for number in range(20))
    assert (await client.get_session("s")).metadata["turns"] == 20


async def test_a_turn_that_must_not_wait_is_refused_at_once(client: parley.AsyncClient, gate: Gate) -> None:
    running = asyncio.create_task(client.say("wait", session_id="s"))
    await gate.reached()

    with pytest.raises(parley.SessionBusy) as caught:
        await client.say("now", session_id="s", conflict_policy=ConflictPolicy.REJECT)

    assert caught.value.applied == "no"
    assert caught.value.retry_after
    gate.open()
    await running
    assert await said(client, "s") == ["wait"]


async def test_no_more_turns_wait_than_may(served: tuple[Running, parley.AsyncClient], gate: Gate) -> None:
    server, client = served
    running = [asyncio.create_task(client.say("wait", session_id="s"))]
    await gate.reached()
    running += [asyncio.create_task(client.say(f"m{number}", session_id="s")) for number in range(19)]
    await queued(server, 20)

    with pytest.raises(parley.Overloaded):
        await client.say("one too many", session_id="s")
    assert (await client.say("elsewhere", session_id="other")).session.turn_count == 1

    gate.open()
    await asyncio.gather(*running)
    assert len(await said(client, "s")) == 20


@pytest.mark.parametrize(("expected", "found"), [(1, 0), (5, 0)])
async def test_a_session_that_does_not_stand_where_expected_is_refused(
    client: parley.AsyncClient, expected: int, found: int
) -> None:
    with pytest.raises(parley.TurnCountMismatch) as caught:
        await client.say("hi", session_id="s", expected_turn_count=expected)

    assert caught.value.metadata["found"] == str(found)
    with pytest.raises(parley.SessionNotFound):
        await client.get_session("s")


async def test_an_expected_turn_count_lets_one_of_two_rivals_through(client: parley.AsyncClient) -> None:
    await client.say("new", session_id="s", expected_turn_count=0)

    results = await asyncio.gather(
        *(client.say(f"m{rival}", session_id="s", expected_turn_count=1) for rival in range(5)),
        return_exceptions=True,
    )

    assert Counter(type(result).__name__ for result in results) == {"TurnCompleted": 1, "TurnCountMismatch": 4}


async def test_a_caller_who_goes_away_cancels_the_turn(served: tuple[Running, parley.AsyncClient], gate: Gate) -> None:
    server, client = served
    running = asyncio.create_task(client.say("wait", session_id="s"))
    await gate.reached()

    running.cancel()
    await gate.left()

    assert (await client.say("hi", session_id="s")).session.turn_count == 1
    assert await said(client, "s") == ["hi"]
    assert len(server.turns) == 0


async def test_a_turn_that_is_to_go_on_commits_and_a_repeat_gets_its_reply(
    client: parley.AsyncClient, gate: Gate
) -> None:
    def take() -> asyncio.Task[parley.TurnCompleted]:
        turn = client.say("wait", session_id="s", request_id="r", disconnect_policy=DisconnectPolicy.CONTINUE)
        return asyncio.create_task(turn)

    gone = take()
    await gate.reached()
    gone.cancel()
    await asyncio.wait([gone])
    attached = take()
    gate.open()

    assert (await attached).replayed
    assert (await take()).reply == "wait: 1"
    assert await said(client, "s") == ["wait"]


async def test_a_deadline_that_passes_leaves_no_trace(client: parley.AsyncClient, gate: Gate) -> None:
    with pytest.raises(parley.DeadlineExceeded):
        await client.say("wait", session_id="s", timeout=timedelta(milliseconds=300))

    await gate.left()
    with pytest.raises(parley.SessionNotFound):
        await client.get_session("s")


async def test_a_dry_run_writes_nothing_and_explains(client: parley.AsyncClient) -> None:
    await client.say("hi", session_id="s")

    dry = await client.say("count me", session_id="s", request_id="r", dry_run=True)
    wet = await client.say("count me", session_id="s", request_id="r")

    assert (dry.session.turn_count, dry.reply) == (2, wet.reply)
    assert dry.explanation[0].kind == "branch"
    assert not wet.replayed
    assert wet.explanation == ()
    assert await said(client, "s") == ["hi", "count me"]


async def test_an_action_that_fails_leaves_no_trace_and_its_words_stay_in_the_server(
    client: parley.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(parley.ParleyError) as caught:
        await client.say("fail", session_id="s")

    assert (caught.value.status, caught.value.reason.name) == (grpc.StatusCode.FAILED_PRECONDITION, "ASSISTANT_FAILED")
    assert caught.value.applied == "no"
    assert "secret" not in str(caught.value) + caplog.text
    assert "raised ValueError at" in caplog.text
    with pytest.raises(parley.SessionNotFound):
        await client.get_session("s")


async def test_history_comes_in_pages_below_the_size_of_a_message(client: parley.AsyncClient) -> None:
    long = "x" * 16_000
    for number in range(90):
        await client.say(f"{number} {long}"[:16_000], session_id="s")

    stub = client._stub  # a client hides the pages from its callers
    parts = [part async for part in stub.GetSession(GetSessionRequest(session_id="s", include_history=True))]

    assert [part.WhichOneof("part") for part in parts][:2] == ["session", "history"]
    pages = [part.history for part in parts[1:]]
    assert len(pages) > 1
    assert max(page.ByteSize() for page in pages) < 1024 * 1024
    assert [turn.turn for page in pages for turn in page.turns] == list(range(1, 91))
    assert [turn.turn async for turn in client.history("s", after_turn=88)] == [89, 90]
    assert [turn.turn async for turn in client.history("s", after_turn=90)] == []


async def test_a_follower_is_told_of_every_commit_until_the_session_ends(client: parley.AsyncClient) -> None:
    await client.say("m0", session_id="s")
    seen: list[int] = []
    states: list[int] = []
    async with aclosing(client.follow("s", after_turn=0)) as updates:
        async for update in updates:
            if isinstance(update, parley.Session):
                states.append(update.turn_count)
            else:
                seen.append(update.turn)
                if update.turn < 5:
                    await client.say(f"m{update.turn}", session_id="s")
                else:
                    await client.end_session("s")

    assert seen == [1, 2, 3, 4, 5]
    assert states[-1] == 5


async def test_ending_waits_for_the_running_turn_and_its_transcript_is_complete(
    client: parley.AsyncClient, gate: Gate
) -> None:
    running = asyncio.create_task(client.say("wait", session_id="s"))
    await gate.reached()
    ending = asyncio.create_task(client.end_session("s", include_history=True))
    gate.open()

    ended = await ending

    assert (await running).session.turn_count == 1
    assert [turn.user_message for turn in ended.turns] == ["wait"]
    with pytest.raises(parley.SessionNotFound):
        await client.get_session("s")


async def test_a_session_that_ended_begins_anew(client: parley.AsyncClient) -> None:
    await client.say("hi", session_id="s")
    await client.end_session("s")

    anew = await client.say("hi", session_id="s", expected_turn_count=0)

    assert anew.session.turn_count == 1
    assert await said(client, "s") == ["hi"]
