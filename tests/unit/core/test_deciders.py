"""The parts that decide: conditions, flows, branches, intents, sub-conversations."""

import pytest
from support.conversations import context, scope, understood

from parley_server.core.branching import BranchingConversation, ConversationBranch
from parley_server.core.conditions import ALWAYS, BUILT_IN, CONFIRM, DENY, Condition, intent_is
from parley_server.core.context import ConversationPhase, Frame
from parley_server.core.explanation import Explanation, ExplanationStep
from parley_server.core.flow import DialogFlow, DialogState, Transition
from parley_server.core.intents import Intent, IntentRouter
from parley_server.core.reactions import Reaction
from parley_server.core.slots import SlotsChange
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.understanding import Answer, Command, IntentMatch, Understanding

NEVER = Condition("never", lambda _: False)
SILENT = Explanation(wanted=False)


@pytest.mark.parametrize(
    ("message", "change", "holding"),
    [
        (understood("yes", answer=Answer.YES), SlotsChange(), {"confirm", "input", "always"}),
        (understood("no", answer=Answer.NO), SlotsChange(), {"deny", "input", "always"}),
        (
            understood("yes, on Monday", answer=Answer.YES),
            SlotsChange(filled={"day": 1}),
            {"change", "input", "always"},
        ),
        (understood("no, the day", answer=Answer.NO), SlotsChange(cleared=("day",)), {"change", "input", "always"}),
        (understood("stop", command=Command.CANCEL), SlotsChange(), {"cancel", "always"}),
        (understood("help", command=Command.HELP), SlotsChange(), {"help", "always"}),
        (understood("I know a place"), SlotsChange(), {"input", "always"}),
    ],
)
def test_the_built_in_conditions_hold_of_what_the_message_says(
    message: Understanding, change: SlotsChange, holding: set[str]
) -> None:
    what_is = scope(message, change=change)

    assert {name for name, condition in BUILT_IN.items() if condition(what_is)} == holding


def test_an_intent_is_matched_by_its_whole_name() -> None:
    message = understood(intents=(IntentMatch(name="rebook", score=0.9), IntentMatch(name="book", score=0.5)))

    assert intent_is("rebook")(scope(message))
    assert not intent_is("book")(scope(message))


FLOW = DialogFlow(
    "booking",
    [
        DialogState(name="ask", transitions=(Transition(when=CONFIRM, to="done"), Transition(when=DENY, to="gone"))),
        DialogState(name="done", phase=ConversationPhase.COMPLETION),
        DialogState(name="gone"),
    ],
)


def test_a_flow_keeps_its_position_in_the_context_so_that_two_sessions_never_share_it() -> None:
    one, other = FLOW.start(context(session_id="a")), FLOW.start(context(session_id="b"))

    one = FLOW.transition(one, "done")

    assert FLOW.current_state(one).name == "done"
    assert one.phase is ConversationPhase.COMPLETION
    assert FLOW.current_state(other) is FLOW.initial_state
    assert other.phase is ConversationPhase.GREETING


def test_a_flow_takes_the_first_transition_whose_condition_holds() -> None:
    at_start = FLOW.start(context())

    taken = FLOW.process(scope(understood(answer=Answer.NO), stack=at_start.stack), SILENT)

    assert taken is FLOW.initial_state.transitions[1]
    assert FLOW.process(scope(understood(), stack=at_start.stack), SILENT) is None


def test_the_initial_state_can_be_named() -> None:
    assert DialogFlow("f", FLOW.states.values(), initial="gone").initial_state.name == "gone"


def branch(name: str, *, priority: int = 0, condition: Condition = ALWAYS) -> ConversationBranch:
    return ConversationBranch(name=name, condition=condition, handler=Reaction(), priority=priority)


def test_the_branch_of_the_highest_priority_wins_and_among_equals_the_first() -> None:
    branches = BranchingConversation(
        [branch("low"), branch("first", priority=5), branch("second", priority=5), branch("no", condition=NEVER)]
    )

    chosen = branches.choose(scope(), SILENT)

    assert chosen
    assert chosen.name == "first"


def test_the_default_branch_is_chosen_when_no_condition_holds() -> None:
    default = branch("default")

    assert BranchingConversation([branch("no", condition=NEVER)], default=default).choose(scope(), SILENT) is default
    assert BranchingConversation().choose(scope(), SILENT) is None


def test_an_explanation_says_of_each_branch_why_it_lost() -> None:
    explanation = Explanation(wanted=True)

    BranchingConversation([branch("no", priority=1, condition=NEVER), branch("yes")]).choose(scope(), explanation)

    assert explanation.steps == [
        ExplanationStep("branch", "no", taken=False, reason="never does not hold"),
        ExplanationStep("branch", "yes", taken=True, reason="always holds"),
    ]


def test_a_router_finds_the_handler_by_the_whole_name_of_the_intent() -> None:
    book, unknown = Reaction(say="book"), Reaction(say="unknown")
    router = IntentRouter([Intent(name="book", handler=book), Intent(name="thanks")], unknown=unknown)

    def route(name: str) -> object:
        return router.route(understood(intents=(IntentMatch(name=name, score=1),)))

    assert route("book") is book
    assert route("thanks") is None
    assert route("book_again") is unknown
    assert router.route(understood("bookkeeping")) is unknown


def test_a_sub_conversation_is_active_in_the_context_alone_and_hands_back_what_it_interrupted() -> None:
    sub = SubConversation("hours", [DialogState(name="answer")])
    nested = SubConversation("holidays", [DialogState(name="answer")])
    main = context(stack=(Frame("booking", "ask"),))

    inside = nested.start(sub.start(main))

    assert inside.position == "booking/ask > hours/answer > holidays/answer"
    assert sub.active(inside)
    assert not sub.active(main)
    assert nested.end(inside).frame == Frame("hours", "answer")
    assert sub.end(nested.end(inside)) == main
