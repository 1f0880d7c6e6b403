"""What a definition can make a conversation do, each ability by a small definition of its own."""

from collections.abc import Callable
from dataclasses import replace as changed
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.conversations import NOW, Talk, understood
from support.servers import definition

from parley_server.assistants.loading import load_assistant
from parley_server.core.slots import Rejection
from parley_server.core.timers import as_of
from parley_server.core.understanding import Answer, Command, IntentMatch, Understanding
from parley_server.errors import AssistantFailed

Begin = Callable[[str], Talk]

HI = understood("hi")
YES, NO = understood("yes", answer=Answer.YES), understood("no", answer=Answer.NO)


def command(name: str) -> Understanding:
    return understood(name, command=Command(name))


def intent(*names: str, **fields: Any) -> Understanding:
    """A message that may have any of these intents, the first a little more than the next."""
    matches = tuple(IntentMatch(name=name, score=0.9 - 0.01 * place) for place, name in enumerate(names))
    return understood(intents=matches, **fields)


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Begins a conversation with an assistant, which has heard a greeting already."""

    def begun(text: str) -> Talk:
        talk = Talk(load_assistant(definition(tmp_path, "assistant: test\n" + text)))
        talk.say(HI)
        return talk

    return begun


ORDER = """
slots:
  size: {type: integer, prompt: "Which size?", reprompt: ["A number, please.", "1, 2 or 3?"]}
  color: {type: string, prompt: "Which color?"}
flows:
  order:
    states:
      ask: {collect: [size, color], next: done}
      done: {say: "Done."}
"""


def with_slot(name: str, keys: str) -> str:
    """The order with more said of one of its slots."""
    return ORDER.replace(f"  {name}: {{", f"  {name}: {{{keys}, ")


# Forms.


def test_a_slot_is_asked_for_only_while_its_rule_holds(begin: Begin) -> None:
    text = with_slot("color", 'required: "has(slots.size) && slots.size > 1"')

    assert begin(text).say(understood(gives={"size": 2})).reply == "Which color?"
    assert begin(text).say(understood(gives={"size": 1})).reply == "Done."


def test_an_optional_slot_takes_its_default_when_the_form_is_complete(begin: Begin) -> None:
    talk = begin(with_slot("color", "required: false, default: red"))

    talk.say(understood(gives={"size": 2}))

    assert talk.context.slots == {"size": 2, "color": "red"}


def test_what_the_caller_knows_is_asked_first_where_the_author_wants_that(begin: Begin, tmp_path: Path) -> None:
    text = with_slot("color", 'ask_first: "Still {{ slots.color }}?"')
    talk = Talk(load_assistant(definition(tmp_path, "assistant: test\n" + text)))

    assert talk.say(HI, given={"color": "red"}).reply == "Still red?"
    assert talk.situations[-1].confirming is False
    assert talk.say(NO).reply == "Which size?"
    assert talk.say(understood(gives={"size": 1})).reply == "Which color?"


def test_a_single_slot_is_confirmed_before_the_form_goes_on(begin: Begin) -> None:
    talk = begin(with_slot("size", 'confirm: "Size {{ slots.size }}, right?"'))

    assert talk.say(understood(gives={"size": 2})).reply == "Size 2, right?"
    assert talk.say(understood(gives={"size": 3}, answer=Answer.NO)).reply == "Size 3, right?"
    assert talk.situations[-1].confirming
    assert talk.say(YES).reply == "Which color?"


def test_a_single_slot_that_is_denied_is_asked_for_again(begin: Begin) -> None:
    talk = begin(with_slot("size", "confirm: true"))

    assert talk.say(understood(gives={"size": 2})).reply == "The size is 2, is that right?"
    assert talk.say(NO).reply == "Which size?"
    assert not talk.context.slots


def test_a_slot_is_kept_or_forgotten_when_its_flow_ends(begin: Begin) -> None:
    talk = begin(with_slot("size", "keep: false"))

    talk.say(understood(gives={"size": 2, "color": "red"}))

    assert talk.context.slots == {"color": "red"}


def test_what_depends_on_a_changed_slot_is_asked_for_again(begin: Begin) -> None:
    talk = begin(
        with_slot("color", "depends_on: [size]").replace("next: done", "next: sure")
        + "      sure: {say: 'Sure?', on: [{when: change, to: ask}, {when: confirm, to: done}]}\n"
    )
    talk.say(understood(gives={"size": 2, "color": "red"}))

    decision = talk.say(understood(gives={"size": 3}, correction=True))

    assert decision.reply == "Which color?"
    assert decision.slots_changed.cleared == ("color",)


# Attempts.


def test_a_slot_is_asked_for_by_the_number_of_the_attempt_and_by_what_went_wrong(begin: Begin) -> None:
    talk = begin(
        ORDER.replace(
            'reprompt: ["A number, please.", "1, 2 or 3?"]', "reprompt: {no_match: [N1, N2], invalid: [V1, V2]}"
        )
    )
    bad = understood(rejected=(Rejection(slot="size", reason="Too big.", raw="9"),))

    assert talk.say(understood("?")).reply == "Sorry, I did not understand that. N1"
    assert talk.say(bad).reply == "Too big. V2"
    assert talk.say(understood("?")).reply == "Sorry, I did not understand that. N2"


@pytest.mark.parametrize(
    ("then", "reply", "slots"),
    [
        ("skip", "All right. Which color?", {}),
        ("default, default: 7", "All right. Which color?", {"size": 7}),
        ("cancel", "All right, let us start again. Which size?", {}),
    ],
)
def test_a_slot_that_is_asked_for_in_vain_is_given_up(
    begin: Begin, then: str, reply: str, slots: dict[str, object]
) -> None:
    talk = begin(with_slot("size", f"max_attempts: 2, then: {then}"))
    talk.say(understood("?"))

    assert talk.say(understood("?")).reply == reply
    assert talk.context.slots == slots


def test_a_slot_that_is_asked_for_in_vain_hands_the_conversation_off(begin: Begin) -> None:
    talk = begin(with_slot("size", "max_attempts: 1, then: handoff"))

    assert talk.say(understood("?")).reply.endswith("I hand you over to a colleague.")
    assert talk.context.handoff
    assert talk.context.handoff.reason == "no value for size"


# Commands.


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("cancel", "All right, let us start again. Which size?"),
        ("restart", "All right, let us start again. Which size?"),
        ("repeat", "Which size?"),
        ("skip", "I am afraid that I need it. Which size?"),
        ("help", 'You can answer the question, or say "repeat", "restart" or "cancel". Which size?'),
        ("who", "I am an automated assistant. Which size?"),
        ("thanks", "You are welcome. Which size?"),
    ],
)
def test_every_assistant_knows_the_commands(begin: Begin, name: str, reply: str) -> None:
    talk = begin(ORDER)
    talk.say(understood(gives={"color": "red"}))

    assert talk.say(command(name)).reply == reply
    assert talk.context.attempts == 0


@pytest.mark.parametrize("keys", ["max_attempts: 3, then: skip", "default: 7"])
def test_a_slot_that_may_be_missing_is_skipped(begin: Begin, keys: str) -> None:
    assert begin(with_slot("size", keys)).say(command("skip")).reply == "All right. Which color?"


def test_an_author_replaces_a_command_by_an_intent_of_its_name_and_its_text(begin: Begin) -> None:
    talk = begin(ORDER + "intents:\n  who: {say: I am Max.}\ntexts: {thanks: Any time!}\n")

    assert talk.say(command("who")).reply == "I am Max. Which size?"
    assert talk.say(command("thanks")).reply == "Any time! Which size?"


# Digressions and clarification.

HOURS = """
intents:
  hours: {examples: [when are you open], call: hours}
  place: {examples: [where are you], say: "In Bonn.", label: where we are}
  other: {examples: [something else]}
sub_conversations:
  hours: {states: {answer: {say: "Nine to five."}}}
"""


def test_a_digression_is_forbidden_where_the_author_says_so(begin: Begin) -> None:
    talk = begin(ORDER.replace("ask: {", "ask: {digress: forbid, ") + HOURS)

    assert talk.say(intent("hours")).reply == "Sorry, I did not understand that. A number, please."


@pytest.mark.parametrize(("answer", "reply"), [(YES, "Nine to five. Which size?"), (NO, "Which size?")])
def test_a_digression_is_asked_for_where_the_author_says_so(begin: Begin, answer: Understanding, reply: str) -> None:
    talk = begin(ORDER.replace("ask: {", "ask: {digress: ask, ") + HOURS)

    assert talk.say(intent("hours")).reply == "Shall we leave this for now?"
    assert talk.say(answer).reply == reply
    assert talk.situations[-1].confirming


def test_two_readings_close_together_are_asked_about(begin: Begin) -> None:
    talk = begin(ORDER + HOURS)

    assert talk.say(intent("hours", "place", "other")).reply == "Did you mean: hours or where we are?"

    def choose_the_second(situation: Any) -> Understanding:
        definition = situation.slots[situation.requested]
        return understood(gives={situation.requested: definition.choices[1].name})

    assert talk.say(choose_the_second).reply == "In Bonn. Which size?"


def test_a_message_that_answers_no_clarification_is_taken_as_it_is(begin: Begin) -> None:
    talk = begin(ORDER + HOURS)
    talk.say(intent("hours", "place"))

    assert talk.say(understood(gives={"size": 1})).reply == "Which color?"


# Nobody understands, and handoff.


def test_after_so_many_messages_that_nobody_understands_somebody_else_takes_over(begin: Begin) -> None:
    talk = begin(ORDER + "fallback: {say: What?, max_attempts: 2}\n")
    talk.say(understood(gives={"color": "red"}))

    assert talk.say(understood("?")).reply == "What? A number, please."
    assert talk.say(understood("??")).reply == "I hand you over to a colleague."

    handoff = talk.context.handoff
    assert handoff
    assert (handoff.reason, handoff.summary, handoff.at) == ("nobody understood the user", "color: red\nuser: ??", NOW)


def test_a_message_that_is_understood_starts_the_count_anew(begin: Begin) -> None:
    talk = begin(ORDER + "fallback: {say: What?, max_attempts: 2}\n")

    for _ in range(3):
        assert talk.say(understood("?")).reply == "What? A number, please."
        talk.say(command("thanks"))


def test_an_assistant_is_quiet_until_the_conversation_is_handed_back(begin: Begin) -> None:
    talk = begin(ORDER + "intents:\n  human: {handoff: the user asked for it}\n")
    talk.say(intent("human"))

    quiet = talk.say(understood(gives={"size": 1}))
    assert (quiet.reply, quiet.context.slots) == ("", {})

    back = talk.say(understood(gives={"size": 1}), handed_back=True)
    assert (back.reply, back.context.handoff) == ("Which color?", None)


def test_a_summary_does_not_tell_what_is_sensitive(begin: Begin) -> None:
    talk = begin(with_slot("color", "sensitive: true") + "intents:\n  human: {handoff: asked}\n")
    talk.say(understood(gives={"color": "secret"}))

    talk.say(intent("human", message="to a human"))

    assert talk.context.handoff
    assert talk.context.handoff.summary == "color: …\nuser: to a human"


STUCK = """
slots: {size: {type: integer, prompt: "Which size?"}}
flows:
  order:
    states:
      ask: {collect: [size], on: [{when: cancel, handoff: the user gives up, say: "Wait.", clear: [size]}], next: check}
      check: {say: "Sure?", on: [{when: confirm, to: person}, {when: deny, to: end}]}
      person: {phase: processing, say: "A person has to sign.", handoff: to be signed, next: end}
      end: {say: "Done."}
"""


def test_a_state_hands_the_conversation_off_and_goes_on_when_it_is_back(begin: Begin) -> None:
    talk = begin(STUCK)
    talk.say(understood(gives={"size": 2}))

    given = talk.say(YES)
    assert given.reply == "A person has to sign. I hand you over to a colleague."
    assert (talk.context.handoff and talk.context.handoff.reason, talk.context.position) == (
        "to be signed",
        "order/person",
    )
    assert talk.say(NO).reply == ""

    assert talk.say(understood("it is signed"), handed_back=True).reply == "Done."
    assert talk.context.position == "order/end"


def test_a_way_out_hands_the_conversation_off_and_leaves_it_where_it_is(begin: Begin) -> None:
    talk = begin(STUCK)

    assert talk.say(command("cancel")).reply == "Wait. I hand you over to a colleague."
    assert (talk.context.handoff and talk.context.handoff.reason, talk.context.position) == (
        "the user gives up",
        "order/ask",
    )

    assert talk.say(understood("he likes to stay"), handed_back=True).reply == "Which size?"
    assert talk.say(command("cancel"), handed_back=True).reply == "Wait. I hand you over to a colleague."


def test_code_that_leads_elsewhere_leaves_what_its_state_would_have_done(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "leading.py").write_text(
        "from parley_server.core.reactions import Reaction\ndef away(scope): return Reaction(to='end')\n"
    )
    sub = "sub_conversations: {aside: {states: {s: {say: Never said.}}}}\n"

    talk = begin("flows: {f: {states: {s: {run: 'leading:away', call: aside, next: end}, end: {say: Bye.}}}}\n" + sub)

    assert talk.context.position == "f/end"


# Flows that call flows.

TRIP = """
slots:
  day: {type: date, prompt: "Which day?"}
  out: {type: date}
  back: {type: date}
flows:
  trip:
    states:
      go: {say: "Going.", call: {flow: pick, outputs: {out: slots.day}}, next: return}
      return:
        say: Coming back.
        call: {flow: pick, inputs: {back: slots.out}, outputs: {back: slots.day}}
        next: end
      end: {link: closing}
  pick:
    states:
      ask: {clear: [day], collect: [day], next: picked}
      picked: {say: "Noted."}
  closing:
    states:
      bye: {set: {day: "timestamp('2026-03-09T00:00:00Z')"}, say: "{{ slots.out }} to {{ slots.back }}."}
"""


def test_flows_call_flows_with_inputs_and_outputs_and_link_to_others(begin: Begin) -> None:
    talk = begin(TRIP)
    assert talk.context.position == "trip/go > pick/ask"

    assert talk.say(understood(gives={"day": date(2026, 3, 6)})).reply == "Noted. Coming back. Which day?"
    assert talk.context.get_slot("back") == date(2026, 3, 6)
    assert talk.context.position == "trip/return > pick/ask"

    assert talk.say(understood(gives={"day": date(2026, 3, 8)})).reply == "Noted. 2026-03-06 to 2026-03-08."
    assert talk.context.position == "closing/bye"
    assert talk.context.get_slot("day") == date(2026, 3, 9)


def test_flows_that_call_each_other_without_end_are_stopped(begin: Begin) -> None:
    with pytest.raises(AssistantFailed, match="call each other"):
        begin("flows:\n  a: {states: {s: {call: b, next: t}, t: {}}}\n  b: {states: {s: {call: a, next: t}, t: {}}}\n")


# Timers.

TIMED = ORDER.replace("ask: {", "ask: {expires_after: 30m, expired: late, ") + "      late: {say: 'Too late.'}\n"


@pytest.mark.parametrize(("minutes", "position"), [(29, "order/ask"), (30, "order/late")])
def test_a_state_that_waited_too_long_is_left(begin: Begin, minutes: int, position: str) -> None:
    talk = begin(TIMED)
    talk.now = NOW + timedelta(minutes=minutes)

    assert as_of(talk.assistant, talk.context, talk.now).position == position
    talk.say(HI)
    assert talk.context.position == position


def test_a_conversation_that_was_handed_off_is_not_timed(begin: Begin) -> None:
    talk = begin(TIMED + "intents:\n  human: {handoff: asked}\n")
    talk.say(intent("human"))

    assert as_of(talk.assistant, talk.context, NOW + timedelta(days=1)) is talk.context


def test_python_builds_what_yaml_says(begin: Begin) -> None:
    """The same classes are behind both: what one makes the other can change."""
    talk = begin(ORDER)
    flow = talk.assistant.flows["order"]

    assert changed(flow.states["done"], say="Fertig.").say == "Fertig."
    assert flow.slots == {"size", "color"}
