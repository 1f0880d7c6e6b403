import pytest
from support.scripted_service import Attempt, Caller, ScriptedService, turn

from parley.v1.conversation_pb2 import ChatEvent, TurnCompleted

ATTEMPT = Attempt(turn(ChatEvent(turn_completed=TurnCompleted(reply="Hello"))))


@pytest.mark.parametrize("ask", ["say", "chat"])
async def test_a_conversation_remembers_its_session_and_its_options(
    service: ScriptedService, caller: Caller, ask: str
) -> None:
    service.script.extend([ATTEMPT, ATTEMPT])
    conversation = caller.client.conversation(user_id="u-1", assistant="hotel", locale="en-GB", time_zone="UTC")

    heard = await caller.hear(lambda _: conversation.say("hi"))
    await caller.hear(lambda _: getattr(conversation, ask)("for two", locale="de"))

    assert heard.items[0].reply == "Hello"
    first, second = service.requests
    assert (first.message, first.user_id, first.assistant, first.locale) == ("hi", "u-1", "hotel", "en-GB")
    assert (second.message, second.user_id, second.assistant, second.locale) == ("for two", "u-1", "hotel", "de")
    assert first.session_id == second.session_id == conversation.session_id
    assert first.request_id != second.request_id


async def test_a_conversation_goes_on_with_a_session(service: ScriptedService, caller: Caller) -> None:
    service.script.append(ATTEMPT)

    await caller.hear(lambda client: client.conversation("s-1").say("hi"))

    assert service.requests[0].session_id == "s-1"


def test_new_conversations_have_sessions_of_their_own(caller: Caller) -> None:
    sessions = {caller.client.conversation().session_id for _ in range(100)}

    assert len(sessions) == 100
