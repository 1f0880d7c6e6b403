from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import grpc
import pytest
from support.scripted_service import Attempt, Caller, Connect, ScriptedService, broken, refused, said, turn

import parley
from parley.v1 import conversation_pb2, session_pb2
from parley.v1.conversation_pb2 import ChatEvent, ChatResponse

STARTED = ChatEvent(turn_started=conversation_pb2.TurnStarted(session_id="s-1", turn=1, created=True))
FILLED = ChatEvent(
    slots_changed=session_pb2.SlotsChanged(filled={"day": session_pb2.SlotValue(date_value="2026-03-08")})
)
MOVED = ChatEvent(
    state_changed=session_pb2.StateChanged(
        from_state="booking/details", to_state="booking/confirm", phase=session_pb2.PHASE_CONFIRMATION
    )
)
BEAT = ChatEvent(heartbeat=conversation_pb2.Heartbeat())

STARTED_EVENT = parley.TurnStarted(session_id="s-1", turn=1, created=True)
FILLED_EVENT = parley.SlotsChanged(filled={"day": date(2026, 3, 8)}, cleared=(), rejected=())
MOVED_EVENT = parley.StateChanged(
    from_state="booking/details", to_state="booking/confirm", phase=parley.Phase.CONFIRMATION
)


def completed(reply: str) -> ChatEvent:
    return ChatEvent(
        turn_completed=conversation_pb2.TurnCompleted(reply=reply, session=session_pb2.Session(session_id="s-1"))
    )


def kinds(events: list[object]) -> list[str]:
    return [type(event).__name__ for event in events]


HELLO = turn(STARTED, *said(["Hello"]), completed("Hello"))

UNAVAILABLE = broken(grpc.StatusCode.UNAVAILABLE)


async def test_a_turn_is_handed_out_event_by_event(service: ScriptedService, caller: Caller) -> None:
    one_message = ChatResponse(events=[STARTED, FILLED, MOVED, *said(["Hel", "lo"]), completed("Hello")])
    service.script.append(Attempt([one_message]))

    heard = await caller.hear(lambda client: client.chat("hi", session_id="s-1"))

    *events, completion = heard.items
    assert events == [
        STARTED_EVENT,
        FILLED_EVENT,
        MOVED_EVENT,
        parley.TextDelta(text="Hel", offset=0),
        parley.TextDelta(text="lo", offset=3),
    ]
    assert (completion.reply, completion.session.session_id) == ("Hello", "s-1")
    assert heard.error is None


SESSION = parley.Session(
    session_id="s-1",
    user_id="u-1",
    assistant="booking",
    assistant_version="abc",
    phase=parley.Phase.INFORMATION_GATHERING,
    state="booking/details",
    turn_count=3,
    slots={"at": time(15)},
    missing_slots=("day",),
    requested_slot="day",
    choices=("today", "tomorrow"),
    metadata={"channel": "web", "tags": ["a", 1]},
    created_at=datetime(2026, 3, 8, 10, tzinfo=UTC),
    updated_at=datetime(2026, 3, 8, 11, tzinfo=UTC),
    expires_at=datetime(2026, 3, 8, 12, tzinfo=UTC),
    handoff=parley.Handoff(reason="asked for", summary="seats: 2", handed_off_at=datetime(2026, 3, 8, 11, tzinfo=UTC)),
)


def session_message() -> session_pb2.Session:
    """`SESSION` as it travels."""
    session = session_pb2.Session(
        session_id="s-1",
        user_id="u-1",
        assistant="booking",
        assistant_version="abc",
        phase=session_pb2.PHASE_INFORMATION_GATHERING,
        state="booking/details",
        turn_count=3,
        slots={"at": session_pb2.SlotValue(time_value="15:00")},
        missing_slots=["day"],
        requested_slot="day",
        choices=["today", "tomorrow"],
    )
    session.metadata.update({"channel": "web", "tags": ["a", 1]})
    session.created_at.FromJsonString("2026-03-08T10:00:00Z")
    session.updated_at.FromJsonString("2026-03-08T11:00:00Z")
    session.expires_at.FromJsonString("2026-03-08T12:00:00Z")
    session.handoff.CopyFrom(session_pb2.Handoff(reason="asked for", summary="seats: 2"))
    session.handoff.handed_off_at.FromJsonString("2026-03-08T11:00:00Z")
    return session


async def test_all_that_a_completion_tells_is_read(service: ScriptedService, caller: Caller) -> None:
    step = conversation_pb2.ExplanationStep(kind="branch", name="vip", taken=False, reason="slots.vip is not set")
    message = conversation_pb2.TurnCompleted(
        reply="When?",
        session=session_message(),
        replayed=True,
        degraded=True,
        usage=conversation_pb2.Usage(input_tokens=7, output_tokens=2),
        explanation=conversation_pb2.Explanation(steps=[step]),
    )
    service.script.append(Attempt(turn(STARTED, ChatEvent(turn_completed=message))))

    heard = await caller.hear(lambda client: client.say("hi"))

    assert heard.items == [
        parley.TurnCompleted(
            reply="When?",
            session=SESSION,
            replayed=True,
            degraded=True,
            usage=parley.Usage(input_tokens=7, output_tokens=2),
            explanation=(
                parley.ExplanationStep(kind="branch", name="vip", taken=False, reason="slots.vip is not set"),
            ),
        )
    ]


@pytest.mark.parametrize(("heartbeats", "beats"), [(False, 0), (True, 2)])
async def test_heartbeats_are_handed_out_only_when_asked_for(
    service: ScriptedService, caller: Caller, *, heartbeats: bool, beats: int
) -> None:
    service.script.append(Attempt(turn(STARTED, BEAT, BEAT, completed(""))))

    heard = await caller.hear(lambda client: client.chat("hi", heartbeats=heartbeats))

    assert kinds(heard.items).count("Heartbeat") == beats


async def test_an_event_of_a_later_version_is_passed_over(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt(turn(STARTED, ChatEvent(), completed(""))))

    heard = await caller.hear(lambda client: client.chat("hi"))

    assert kinds(heard.items) == ["TurnStarted", "TurnCompleted"]


async def test_the_request_says_what_the_caller_said(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt(HELLO))

    await caller.hear(
        lambda client: client.say(
            "two of us",
            session_id="s-1",
            request_id="r-1",
            user_id="u-1",
            assistant="booking",
            slots={"guests": 2, "day": date(2026, 3, 8)},
            metadata={"channel": {"name": "web"}},
            expected_turn_count=0,
            conflict_policy=parley.ConflictPolicy.REJECT,
            disconnect_policy=parley.DisconnectPolicy.CONTINUE,
            dry_run=True,
            locale="en-GB",
            time_zone="Europe/London",
        )
    )

    expected = conversation_pb2.ChatRequest(
        session_id="s-1",
        message="two of us",
        request_id="r-1",
        user_id="u-1",
        assistant="booking",
        slots={
            "guests": session_pb2.SlotValue(integer_value=2),
            "day": session_pb2.SlotValue(date_value="2026-03-08"),
        },
        expected_turn_count=0,
        conflict_policy=conversation_pb2.CONFLICT_POLICY_REJECT,
        disconnect_policy=conversation_pb2.DISCONNECT_POLICY_CONTINUE,
        dry_run=True,
        locale="en-GB",
        time_zone="Europe/London",
    )
    expected.metadata.update({"channel": {"name": "web"}})
    assert service.requests == [expected]


@pytest.mark.parametrize(
    ("failure", "pause"),
    [
        (UNAVAILABLE, 0.2),
        (broken(grpc.StatusCode.INTERNAL), 0.2),
        (broken(grpc.StatusCode.UNKNOWN), 0.2),
        (broken(grpc.StatusCode.CANCELLED), 0.2),
        (refused(grpc.StatusCode.INTERNAL, "INTERNAL", applied="unknown"), 0.2),
        (refused(grpc.StatusCode.ABORTED, "TURN_CONFLICT"), 0.2),
        (refused(grpc.StatusCode.ABORTED, "SESSION_BUSY", retry_after=timedelta(seconds=1)), 1.2),
        (refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=timedelta(seconds=2)), 2.2),
        (refused(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", retry_after=timedelta(seconds=1)), 1.2),
        (refused(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", applied="unknown"), 0.2),
        (None, 0.2),  # The stream ends well, but before its time.
    ],
    ids=lambda value: getattr(value, "message", ""),
)
async def test_a_turn_that_failed_in_passing_is_sent_again_with_the_same_request_id(
    service: ScriptedService, caller: Caller, failure: Any, pause: float
) -> None:
    service.script.extend([Attempt(status=failure), Attempt(HELLO)])

    heard = await caller.hear(lambda client: client.say("hi"))

    assert heard.items[0].reply == "Hello"
    first, second = service.requests
    assert first == second
    assert first.request_id
    assert not first.session_id
    assert caller.pauses == [pytest.approx(pause)]


@pytest.mark.parametrize(
    "failure",
    [
        refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
        refused(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED"),
        refused(grpc.StatusCode.PERMISSION_DENIED, "USER_MISMATCH"),
        refused(grpc.StatusCode.ABORTED, "TURN_COUNT_MISMATCH"),
        refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORE_FULL"),
        refused(grpc.StatusCode.DATA_LOSS, "SESSION_CORRUPT"),
        refused(grpc.StatusCode.FAILED_PRECONDITION, "ASSISTANT_FAILED"),
        refused(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        broken(grpc.StatusCode.UNAUTHENTICATED),
        broken(grpc.StatusCode.UNIMPLEMENTED),
        broken(grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=lambda value: value.message,
)
async def test_a_turn_that_would_fail_again_is_not_sent_again(
    service: ScriptedService, caller: Caller, failure: Any
) -> None:
    service.script.append(Attempt(status=failure))

    heard = await caller.hear(lambda client: client.chat("hi"))

    assert heard.error is not None
    assert heard.error.status.value[0] == failure.code
    assert len(service.requests) == 1


async def test_a_caller_who_does_not_want_to_wait_is_told_that_the_session_is_busy(
    service: ScriptedService, caller: Caller
) -> None:
    busy = refused(grpc.StatusCode.ABORTED, "SESSION_BUSY", retry_after=timedelta(seconds=1))
    service.script.append(Attempt(status=busy))

    heard = await caller.hear(lambda client: client.say("hi", conflict_policy=parley.ConflictPolicy.REJECT))

    assert isinstance(heard.error, parley.SessionBusy)


@pytest.mark.parametrize(
    ("retry", "attempts"), [(None, 1), (parley.RetryPolicy(attempts=3, jitter=lambda: 1.0), 3)], ids=["off", "three"]
)
async def test_a_turn_is_sent_as_often_as_the_policy_says(
    service: ScriptedService, connect: Connect, retry: parley.RetryPolicy | None, attempts: int
) -> None:
    caller = connect(retry=retry)
    service.script.extend([Attempt(status=UNAVAILABLE)] * attempts)

    heard = await caller.hear(lambda client: client.say("hi"))

    assert isinstance(heard.error, parley.Unavailable)
    assert len(service.requests) == attempts
    assert caller.pauses == [pytest.approx(0.2 * 2**n) for n in range(attempts - 1)]


async def test_no_retry_is_waited_for_that_the_deadline_would_cut_off(service: ScriptedService, caller: Caller) -> None:
    busy = refused(grpc.StatusCode.ABORTED, "SESSION_BUSY", retry_after=timedelta(seconds=30))
    service.script.append(Attempt(status=busy))

    heard = await caller.hear(lambda client: client.say("hi", timeout=timedelta(seconds=10)))

    assert isinstance(heard.error, parley.SessionBusy)
    assert caller.pauses == []


@pytest.mark.parametrize(("within", "least", "most"), [(None, 0, 70), (timedelta(hours=1), 70, 3700)])
async def test_the_deadline_travels_to_the_server(
    service: ScriptedService, caller: Caller, within: timedelta | None, least: float, most: float
) -> None:
    service.script.append(Attempt(HELLO))

    await caller.hear(lambda client: client.say("hi", timeout=within))

    [left] = service.seconds_left
    assert left is not None
    # gRPC sends three digits of a deadline, rounded up.
    assert least < left <= most


async def test_what_was_handed_out_before_the_connection_broke_is_not_repeated(
    service: ScriptedService, caller: Caller
) -> None:
    service.script.extend(
        [
            Attempt(turn(STARTED, FILLED, *said(["Hel"])), UNAVAILABLE),
            Attempt(turn(STARTED, FILLED, *said(["He", "llo, y"])), UNAVAILABLE),
            Attempt(turn(STARTED, FILLED, MOVED, *said(["Hello, you"]), completed("Hello, you"))),
        ]
    )

    heard = await caller.hear(lambda client: client.chat("hi"))

    *events, completion = heard.items
    assert events == [
        STARTED_EVENT,
        FILLED_EVENT,
        parley.TextDelta(text="Hel", offset=0),
        parley.TextDelta(text="lo, y", offset=3),
        MOVED_EVENT,
        parley.TextDelta(text="ou", offset=8),
    ]
    assert completion.reply == "Hello, you"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([STARTED, FILLED, *said(["Good", " day"]), completed("Good day")], id="another text"),
        pytest.param([STARTED, FILLED, *said(["He"]), completed("He")], id="a shorter text"),
        pytest.param([STARTED, MOVED, *said(["Hello"]), completed("Hello")], id="another change"),
        pytest.param([STARTED, *said(["Hello"]), completed("Hello")], id="a change less"),
    ],
)
async def test_a_turn_that_goes_another_way_is_handed_out_from_its_beginning(
    service: ScriptedService, caller: Caller, other: list[ChatEvent]
) -> None:
    service.script.extend([Attempt(turn(STARTED, FILLED, *said(["Hel"])), UNAVAILABLE), Attempt(turn(*other))])

    heard = await caller.hear(lambda client: client.chat("hi"))

    restart = heard.items.index(parley.Restarted())
    assert heard.items[:3] == [STARTED_EVENT, FILLED_EVENT, parley.TextDelta(text="Hel", offset=0)]
    assert kinds(heard.items).count("Restarted") == 1
    service.script.append(Attempt(turn(*other)))
    anew = await caller.hear(lambda client: client.chat("hi"))
    assert heard.items[restart + 1 :] == anew.items


async def test_a_turn_can_go_another_way_more_than_once(service: ScriptedService, caller: Caller) -> None:
    service.script.extend(
        [
            Attempt(turn(STARTED, *said(["Hel"])), UNAVAILABLE),
            Attempt(turn(STARTED, *said(["Good"])), UNAVAILABLE),
            Attempt(turn(STARTED, *said(["Good day"])), UNAVAILABLE),
            Attempt(turn(STARTED, *said(["Hi"]), completed("Hi"))),
        ]
    )

    heard = await caller.hear(lambda client: client.chat("hi"))

    texts = [event.text if isinstance(event, parley.TextDelta) else type(event).__name__ for event in heard.items]
    assert " ".join(texts) == ("TurnStarted Hel Restarted TurnStarted Good  day Restarted TurnStarted Hi TurnCompleted")


async def test_a_failure_after_the_completion_does_not_matter(service: ScriptedService, caller: Caller) -> None:
    service.script.append(Attempt(HELLO, UNAVAILABLE))

    heard = await caller.hear(lambda client: client.chat("hi"))

    assert kinds(heard.items) == ["TurnStarted", "TextDelta", "TurnCompleted"]
    assert (heard.error, len(service.requests)) == (None, 1)


async def test_a_bad_option_is_refused_before_anything_is_sent(service: ScriptedService, caller: Caller) -> None:
    with pytest.raises(TypeError, match="a turn has no option sesion_id"):
        await caller.hear(lambda client: client.chat("hi", sesion_id="s-1"))
    with pytest.raises(TypeError, match=r"a timeout is a datetime.timedelta, not int"):
        await caller.hear(lambda client: client.chat("hi", timeout=5))

    assert service.requests == []
