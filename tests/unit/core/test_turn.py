"""Whole turns of the core: the order of what is considered, moving, asking, returning, and what never happens."""

from dataclasses import replace as changed
from datetime import date, time
from typing import Any

import pytest
from support.conversations import Talk, understood

from parley_server.core.assistant import Assistant, Fallback
from parley_server.core.branching import BranchingConversation, ConversationBranch
from parley_server.core.conditions import CANCEL, CHANGE, CONFIRM, DENY, HELP, Scope
from parley_server.core.context import ConversationPhase, StateChange
from parley_server.core.course import MAX_STEPS
from parley_server.core.filling import FormFiller, SlotFiller
from parley_server.core.flow import Call, DialogFlow, DialogState, Transition
from parley_server.core.intents import Intent, IntentRouter
from parley_server.core.reactions import Reaction
from parley_server.core.slots import Rejection, SlotDefinition, SlotType
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.understanding import Answer, Command, IntentMatch, Situation, Understanding
from parley_server.errors import AssistantFailed

SLOTS = SlotFiller(
    [
        SlotDefinition(name="day", type=SlotType.DATE, prompt="Which day?", reprompts=("Which day, please?",)),
        SlotDefinition(name="at", type=SlotType.TIME, prompt="At what time?"),
    ]
)
FORM = FormFiller(("day", "at"), SLOTS)


def summary(names: object) -> str:
    assert isinstance(names, dict)
    return f"{names['slots']['day']:%d %b} at {names['slots']['at']:%H:%M}?"


BOOKING = DialogFlow(
    "booking",
    [
        DialogState(name="greeting", phase=ConversationPhase.GREETING, say="Hello!", next="details"),
        DialogState(name="details", phase=ConversationPhase.INFORMATION_GATHERING, form=FORM, next="confirmation"),
        DialogState(
            name="confirmation",
            phase=ConversationPhase.CONFIRMATION,
            say=summary,
            transitions=(
                Transition(when=CHANGE, to="details"),
                Transition(when=CONFIRM, to="goodbye", say="Done."),
                Transition(when=DENY, to="correction"),
                Transition(when=CANCEL, to="details", say="Again, then.", clear=("day", "at")),
            ),
        ),
        DialogState(name="correction", say="What is wrong?", transitions=(Transition(when=CHANGE, to="details"),)),
        DialogState(name="goodbye", phase=ConversationPhase.COMPLETION, say="Bye."),
    ],
)
HOURS = SubConversation("hours", [DialogState(name="answer", say="Nine to five.")])
SURVEY = SubConversation(
    "survey",
    [
        DialogState(name="ask", say="Were we kind?", transitions=(Transition(when=CONFIRM, to="thanks"),)),
        DialogState(name="thanks", say="Thanks."),
    ],
)
ASSISTANT = Assistant(
    name="booking",
    version="1",
    flows={"booking": BOOKING},
    initial_flow="booking",
    slots=SLOTS,
    router=IntentRouter(
        [
            Intent(name="hours", handler=Reaction(call="hours")),
            Intent(name="survey", handler=Reaction(call="survey")),
            Intent(name="book", handler=Reaction(start="booking/details")),
            Intent(name="thanks"),
        ]
    ),
    branches=BranchingConversation(
        [ConversationBranch(name="help", condition=HELP, handler=Reaction(say="I book."), priority=9)]
    ),
    sub_conversations={"hours": HOURS, "survey": SURVEY},
    fallback=Fallback(say="Sorry?"),
)
FRIDAY, THREE = date(2026, 3, 6), time(15)
HI = understood("hi")
YES, NO = understood("yes", answer=Answer.YES), understood("no", answer=Answer.NO)


def intent(name: str, message: str = "…", **fields: Any) -> Understanding:
    return understood(message, intents=(IntentMatch(name=name, score=0.9),), **fields)


@pytest.fixture
def talk() -> Talk:
    return Talk(ASSISTANT)


@pytest.fixture
def confirming(talk: Talk) -> Talk:
    """A conversation at the question whether all is right."""
    talk.say(understood(gives={"day": FRIDAY, "at": THREE}))
    return talk


def test_the_first_message_is_greeted_before_it_is_answered(talk: Talk) -> None:
    decision = talk.say(HI)

    assert decision.reply == "Hello! Which day?"
    assert decision.state_changed == (
        StateChange(from_state="", to_state="booking/greeting", phase=ConversationPhase.GREETING),
        StateChange(
            from_state="booking/greeting",
            to_state="booking/details",
            phase=ConversationPhase.INFORMATION_GATHERING,
        ),
    )
    assert decision.context.requested_slot == "day"


def test_the_flow_moves_through_its_phases_to_the_end(talk: Talk) -> None:
    replies = [
        talk.say(message).reply
        for message in (HI, understood(gives={"day": FRIDAY}), understood(gives={"at": THREE}), YES)
    ]

    assert replies == ["Hello! Which day?", "At what time?", "06 Mar at 15:00?", "Done. Bye."]
    assert talk.context.phase is ConversationPhase.COMPLETION
    assert talk.context.position == "booking/goodbye"
    assert talk.context.requested_slot == ""


def test_everything_at_once_is_confirmed_at_once(talk: Talk) -> None:
    decision = talk.say(understood(gives={"day": FRIDAY, "at": THREE}))

    assert decision.reply == "Hello! 06 Mar at 15:00?"
    assert decision.slots_changed.filled == {"day": FRIDAY, "at": THREE}
    assert decision.context.phase is ConversationPhase.CONFIRMATION


def test_a_change_at_the_confirmation_is_confirmed_again_even_with_a_no_or_a_yes(confirming: Talk) -> None:
    for answer, day in ((Answer.NO, date(2026, 3, 9)), (Answer.YES, date(2026, 3, 10))):
        decision = confirming.say(understood(gives={"day": day}, answer=answer, correction=True))

        assert (decision.reply, decision.context.position) == (f"{day:%d %b} at 15:00?", "booking/confirmation")


def test_a_bare_no_asks_what_is_wrong_and_a_named_slot_is_asked_for_again(confirming: Talk) -> None:
    assert confirming.say(NO).reply == "What is wrong?"

    decision = confirming.say(understood("the day", mentioned=frozenset({"day"})))

    assert decision.reply == "Which day?"
    assert decision.slots_changed.cleared == ("day",)


def test_cancel_goes_back_and_forgets(confirming: Talk) -> None:
    decision = confirming.say(understood("stop", command=Command.CANCEL))

    assert decision.reply == "Again, then. Which day?"
    assert set(decision.slots_changed.cleared) == {"day", "at"}
    assert not decision.context.slots


def test_help_explains_and_returns_to_the_same_question_without_counting_an_attempt(talk: Talk) -> None:
    talk.say(HI)

    decision = talk.say(understood("help", command=Command.HELP))

    assert decision.reply == "I book. Which day?"
    assert decision.context.attempts == 0
    assert not decision.state_changed


def test_help_at_a_question_without_a_form_says_the_question_again(confirming: Talk) -> None:
    assert confirming.say(understood("help", command=Command.HELP)).reply == "I book. 06 Mar at 15:00?"


def test_a_refused_value_is_explained_and_asked_for_again_and_nothing_else_is_lost(talk: Talk) -> None:
    talk.say(understood(gives={"at": THREE}))
    refused = Rejection(slot="day", reason="There is no such day.", raw="30 February")

    decision = talk.say(understood("30 February", rejected=(refused,)))

    assert decision.reply == "There is no such day. Which day, please?"
    assert decision.context.slots == {"at": THREE}
    assert decision.slots_changed.rejected == (refused,)
    assert decision.context.attempts == 1


def test_what_nobody_understands_is_said_so_and_asked_again(talk: Talk) -> None:
    talk.say(HI)

    assert talk.say(understood("the moon")).reply == "Sorry? Which day, please?"
    assert talk.context.attempts == 1
    assert talk.say(understood(gives={"day": FRIDAY})).reply == "At what time?"
    assert talk.context.attempts == 0


def test_a_question_to_the_side_is_answered_and_the_pending_slot_asked_again(talk: Talk) -> None:
    talk.say(HI)

    decision = talk.say(intent("hours"))

    assert decision.reply == "Nine to five. Which day?"
    assert [(move.from_state, move.to_state) for move in decision.state_changed] == [
        ("booking/details", "hours/answer"),
        ("hours/answer", "booking/details"),
    ]
    assert decision.context.position == "booking/details"


def test_a_sub_conversation_that_waits_gets_the_next_message_and_then_hands_back(talk: Talk) -> None:
    talk.say(HI)

    assert talk.say(intent("survey")).reply == "Were we kind?"
    assert talk.context.position == "booking/details > survey/ask"
    assert talk.say(YES).reply == "Thanks. Which day?"
    assert [situation.confirming for situation in talk.situations[-2:]] == [False, True]
    assert talk.context.position == "booking/details"


def test_sub_conversations_nest(talk: Talk) -> None:
    talk.say(HI)
    talk.say(intent("survey"))

    assert talk.say(intent("hours")).reply == "Nine to five. Were we kind?"
    assert talk.context.position == "booking/details > survey/ask"


def test_a_message_that_a_sub_conversation_has_no_use_for_goes_on_to_the_flow_and_ends_it(talk: Talk) -> None:
    talk.say(HI)
    talk.say(intent("survey"))

    assert talk.say(understood(gives={"day": FRIDAY})).reply == "At what time?"
    assert talk.context.position == "booking/details"


def test_a_message_that_is_the_answer_is_no_digression_whatever_its_intent(talk: Talk) -> None:
    talk.say(HI)

    decision = talk.say(intent("hours", "2026-03-06", gives={"day": FRIDAY}))

    assert decision.reply == "At what time?"


def test_an_intent_whose_flow_is_running_does_not_start_it_again(talk: Talk) -> None:
    talk.say(understood(gives={"at": THREE}))

    decision = talk.say(intent("book", gives={"day": FRIDAY}, message="book me in on Friday, will you"))

    assert decision.reply == "06 Mar at 15:00?"
    assert decision.context.slots["at"] == THREE


def test_an_intent_starts_its_flow_anew_when_it_is_over_and_the_message_is_read_again(confirming: Talk) -> None:
    confirming.say(YES)

    def read(situation: Situation) -> Understanding:
        return intent("book", gives={} if situation.filled else {"day": FRIDAY})

    decision = confirming.say(read)

    assert decision.reply == "At what time?"
    assert decision.context.slots == {"day": FRIDAY}
    assert decision.context.position == "booking/details"


def test_an_intent_without_a_handler_falls_through(talk: Talk) -> None:
    talk.say(HI)

    assert talk.say(intent("thanks")).reply == "Sorry? Which day, please?"


def test_what_the_caller_knows_is_not_asked_for(talk: Talk) -> None:
    decision = talk.say(HI, given={"day": FRIDAY})

    assert decision.reply == "Hello! At what time?"
    assert decision.slots_changed.filled == {"day": FRIDAY}


def test_understanding_is_told_what_was_asked(confirming: Talk) -> None:
    confirming.say(HI)

    first, last = confirming.situations[0], confirming.situations[-1]
    assert (first.requested, first.confirming) == ("day", False)
    assert (last.requested, last.confirming, last.filled) == ("", True, {"day": FRIDAY, "at": THREE})
    assert (first.form, last.form) == (("day", "at"), ())
    assert first.flow == last.flow == {"day", "at"}
    assert set(first.slots) == {"day", "at"}
    assert [known.name for known in first.intents] == ["hours", "survey", "book", "thanks"]


def test_the_order_of_what_is_considered_is_explained(talk: Talk) -> None:
    talk.say(HI)
    talk.say(intent("survey"))

    decision = talk.say(understood("the moon"), explain=True)

    assert [(step.kind, step.name, step.taken) for step in decision.explanation] == [
        ("branch", "help", False),
        ("transition", "survey/ask → thanks", False),
        ("intent", "(none)", False),
        ("form", "booking/details", False),
        ("fallback", "fallback", True),
    ]
    assert all(step.reason for step in decision.explanation)
    assert talk.say(HI).explanation == ()


def test_an_action_on_entry_changes_slots_and_moves() -> None:
    def decide_for_the_user(known: Scope) -> Reaction:
        assert known.context.position == "booking/details"
        return Reaction(fill={"day": FRIDAY, "at": THREE}, metadata={"by": "us"}, say="We chose.")

    states = [
        changed(state, run=decide_for_the_user) if state.name == "details" else state
        for state in BOOKING.states.values()
    ]
    talk = Talk(changed(ASSISTANT, flows={"booking": DialogFlow("booking", states)}))

    decision = talk.say(HI)

    assert decision.reply == "Hello! We chose. 06 Mar at 15:00?"
    assert decision.context.metadata == {"by": "us"}


def test_a_state_calls_a_sub_conversation_and_goes_on_when_it_hands_back() -> None:
    flow = DialogFlow(
        "f", [DialogState(name="a", call=Call(flow="survey"), next="b"), DialogState(name="b", say="End.")]
    )
    talk = Talk(changed(ASSISTANT, flows={"f": flow}, initial_flow="f"))

    assert talk.say(HI).reply == "Were we kind?"
    assert talk.say(YES).reply == "Thanks. End."
    assert talk.context.position == "f/b"


def test_a_flow_that_goes_round_is_stopped() -> None:
    flow = DialogFlow("f", [DialogState(name="a", next="b"), DialogState(name="b", next="a")])
    talk = Talk(changed(ASSISTANT, flows={"f": flow}, initial_flow="f"))

    with pytest.raises(AssistantFailed, match=f"more than {MAX_STEPS} moves") as caught:
        talk.say(HI)

    assert caught.value.details["state"] in ("f/a", "f/b")


def test_two_conversations_with_one_assistant_share_nothing() -> None:
    one, other = Talk(ASSISTANT), Talk(ASSISTANT)

    one.say(understood(gives={"day": FRIDAY, "at": THREE}))
    one.say(YES)

    assert other.say(HI).reply == "Hello! Which day?"
    assert not other.context.slots


def test_a_reaction_to_a_state_of_the_flow_ends_the_sub_conversation_above_it() -> None:
    start_again = ConversationBranch(name="x", condition=CANCEL, handler=Reaction(to="correction"))
    talk = Talk(changed(ASSISTANT, branches=BranchingConversation([start_again])))
    talk.say(HI)
    talk.say(intent("survey"))

    assert talk.say(understood("stop", command=Command.CANCEL)).reply == "What is wrong?"
    assert talk.context.position == "booking/correction"


def test_a_prompt_that_can_not_be_written_is_the_assistants_fault() -> None:
    def broken(_: object) -> str:
        raise KeyError("a secret")

    slots = SlotFiller([changed(SLOTS.definitions["day"], prompt=broken), SLOTS.definitions["at"]])
    flow = DialogFlow("f", [DialogState(name="a", form=FormFiller(("day",), slots))])

    with pytest.raises(AssistantFailed, match="template"):
        Talk(changed(ASSISTANT, slots=slots, flows={"f": flow}, initial_flow="f")).say(HI)
