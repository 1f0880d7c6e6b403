from datetime import UTC, datetime, timedelta

import grpc
import pytest
from support.scripted_service import Attempt, Caller, Connect, ScriptedService, broken, refused

import parley
from parley.v1.conversation_pb2 import (
    Ended,
    EndSessionRequest,
    EndSessionResponse,
    GetSessionRequest,
    GetSessionResponse,
)
from parley.v1.session_pb2 import PHASE_PROCESSING, History, Session, SlotsChanged, SlotValue, StateChanged, Turn

UNAVAILABLE = broken(grpc.StatusCode.UNAVAILABLE)
NOT_FOUND = refused(grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND", session_id="s-1")
BUSY = refused(grpc.StatusCode.ABORTED, "SESSION_BUSY", retry_after=timedelta(seconds=1))


def read(turn_count: int) -> GetSessionResponse:
    return GetSessionResponse(session=Session(session_id="s-1", turn_count=turn_count))


def page(*numbers: int) -> GetSessionResponse:
    return GetSessionResponse(history=History(turns=[Turn(turn=number) for number in numbers]))


GONE = GetSessionResponse(ended=Ended())


def numbers(items: list[parley.Session | parley.Turn]) -> list[str]:
    """Names each item: `s3` is the session after 3 turns, `t3` the third turn."""
    return [f"s{item.turn_count}" if isinstance(item, parley.Session) else f"t{item.turn}" for item in items]


async def test_a_session_is_read(service: ScriptedService, caller: Caller) -> None:
    service.script.extend([Attempt(status=UNAVAILABLE), Attempt([read(3)])])

    heard = await caller.hear(lambda client: client.get_session("s-1"))

    assert numbers(heard.items) == ["s3"]
    assert service.requests == [GetSessionRequest(session_id="s-1")] * 2


@pytest.mark.parametrize("ask", ["get_session", "history", "follow", "end_session"])
async def test_a_session_that_does_not_exist_is_not_found(service: ScriptedService, caller: Caller, ask: str) -> None:
    service.script.append(Attempt(status=NOT_FOUND))

    heard = await caller.hear(lambda client: getattr(client, ask)("s-1"))

    assert isinstance(heard.error, parley.SessionNotFound)
    assert heard.error.metadata == {"session_id": "s-1"}


async def test_the_history_goes_on_where_the_connection_broke(service: ScriptedService, caller: Caller) -> None:
    service.script.extend([Attempt([read(9), page(4, 5), page(6)], UNAVAILABLE), Attempt([read(9), page(7, 8, 9)])])

    heard = await caller.hear(lambda client: client.history("s-1", after_turn=3))

    assert numbers(heard.items) == ["t4", "t5", "t6", "t7", "t8", "t9"]
    assert [(request.include_history, request.after_turn) for request in service.requests] == [(True, 3), (True, 6)]


async def test_all_that_a_turn_tells_is_read(service: ScriptedService, caller: Caller) -> None:
    turn = Turn(
        turn=2,
        request_id="r-2",
        user_message="for two",
        reply="When?",
        slots_changed=SlotsChanged(filled={"guests": SlotValue(integer_value=2)}, cleared=["day"]),
        state_changed=[StateChanged(from_state="booking/a", to_state="booking/b", phase=PHASE_PROCESSING)],
        intent="book",
    )
    turn.slots_changed.rejected.add(slot="time", reason="we are closed", raw_value="3 am")
    turn.started_at.FromJsonString("2026-03-08T10:00:00Z")
    turn.completed_at.FromJsonString("2026-03-08T10:00:01Z")
    service.script.append(Attempt([read(2), GetSessionResponse(history=History(turns=[turn]))]))

    heard = await caller.hear(lambda client: client.history("s-1"))

    assert heard.items == [
        parley.Turn(
            turn=2,
            request_id="r-2",
            user_message="for two",
            reply="When?",
            slots_changed=parley.SlotsChanged(
                filled={"guests": 2},
                cleared=("day",),
                rejected=(parley.RejectedSlot(slot="time", reason="we are closed", raw_value="3 am"),),
            ),
            state_changed=(
                parley.StateChanged(from_state="booking/a", to_state="booking/b", phase=parley.Phase.PROCESSING),
            ),
            intent="book",
            started_at=datetime(2026, 3, 8, 10, tzinfo=UTC),
            completed_at=datetime(2026, 3, 8, 10, 0, 1, tzinfo=UTC),
        )
    ]


async def test_following_ends_with_the_session(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt([read(1), page(1), read(2), page(2), GONE]))

    heard = await caller.hear(lambda client: client.follow("s-1", after_turn=0))

    assert numbers(heard.items) == ["s1", "t1", "s2", "t2"]
    assert heard.error is None
    assert service.requests == [GetSessionRequest(session_id="s-1", include_history=True, follow=True)]
    assert service.seconds_left == [None]


async def test_following_without_turns_asks_for_none(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt([read(1), read(2), GONE]))

    heard = await caller.hear(lambda client: client.follow("s-1"))

    assert numbers(heard.items) == ["s1", "s2"]
    assert service.requests == [GetSessionRequest(session_id="s-1", follow=True)]


async def test_following_goes_on_where_the_connection_broke(service: ScriptedService, caller: Caller) -> None:
    service.script.extend(
        [
            Attempt([read(1), page(1), read(2)], UNAVAILABLE),
            Attempt([read(2), page(2)]),  # Its stream ends well, but the session has not ended.
            Attempt([read(3), page(3), GONE]),
        ]
    )

    heard = await caller.hear(lambda client: client.follow("s-1", after_turn=0))

    assert numbers(heard.items) == ["s1", "t1", "s2", "t2", "s3", "t3"]
    assert [request.after_turn for request in service.requests] == [0, 1, 2]


async def test_a_session_that_ended_while_the_connection_was_broken_has_ended(
    service: ScriptedService, caller: Caller
) -> None:
    service.script.extend([Attempt([read(1)], UNAVAILABLE), Attempt(status=NOT_FOUND)])

    heard = await caller.hear(lambda client: client.follow("s-1"))

    assert (numbers(heard.items), heard.error) == (["s1"], None)


async def test_following_counts_its_attempts_anew_once_it_has_seen_something_new(
    service: ScriptedService, connect: Connect
) -> None:
    caller = connect(retry=parley.RetryPolicy(attempts=2))
    service.script.extend(Attempt([read(number)], UNAVAILABLE) for number in (1, 2, 3, 3))

    heard = await caller.hear(lambda client: client.follow("s-1"))

    assert numbers(heard.items) == ["s1", "s2", "s3"]
    assert isinstance(heard.error, parley.Unavailable)


async def test_a_session_ends_with_its_history(service: ScriptedService, caller: Caller) -> None:
    responses = [
        EndSessionResponse(session=Session(session_id="s-1", turn_count=2)),
        EndSessionResponse(history=History(turns=[Turn(turn=1)])),
        EndSessionResponse(history=History(turns=[Turn(turn=2)])),
        EndSessionResponse(ended=Ended()),
    ]
    service.script.extend([Attempt(status=BUSY), Attempt(responses)])

    heard = await caller.hear(lambda client: client.end_session("s-1", include_history=True))

    [ended] = heard.items
    assert numbers([ended.session, *ended.turns]) == ["s2", "t1", "t2"]
    assert service.requests == [EndSessionRequest(session_id="s-1", include_history=True)] * 2


async def test_a_session_may_be_missing_where_that_is_allowed(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt([EndSessionResponse(ended=Ended())]))

    heard = await caller.hear(lambda client: client.end_session("s-1", allow_missing=True))

    assert heard.items == [parley.EndedSession(session=None, turns=())]
    assert service.requests == [EndSessionRequest(session_id="s-1", allow_missing=True)]


async def test_an_end_is_not_repeated_that_may_have_happened(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt([EndSessionResponse(session=Session(session_id="s-1"))], UNAVAILABLE))

    heard = await caller.hear(lambda client: client.end_session("s-1"))

    assert isinstance(heard.error, parley.Unavailable)
    assert (heard.error.applied, len(service.requests)) == ("unknown", 1)
