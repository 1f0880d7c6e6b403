"""What a definition can make of flows: handoff, calls, links and timers, each by a small definition of its own."""

from collections.abc import Callable
from dataclasses import replace as changed
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.conversations import NOW, Talk, understood
from support.orders import HI, NO, ORDER, YES, command, intent, with_slot

from parley_server.core.timers import as_of
from parley_server.errors import AssistantFailed

Begin = Callable[[str], Talk]


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


FORKED = ORDER.replace(
    "next: done", "next: [{when: slots.size > 9, to: big}, {when: has(slots.gift), to: gift}, {to: done}]"
)
FORKED = (
    FORKED.replace("slots:", "slots:\n  gift: {type: boolean}", 1)
    + """\
      big: {say: "Big."}
      gift: {say: "A gift."}
"""
)


@pytest.mark.parametrize(
    ("gives", "reply"),
    [({"size": 10, "gift": True}, "Big."), ({"size": 9, "gift": False}, "A gift."), ({"size": 9}, "Done.")],
)
def test_a_state_goes_on_by_the_first_way_whose_condition_holds(
    begin: Begin, gives: dict[str, int], reply: str
) -> None:
    decision = begin(FORKED).say(understood(gives={"color": "red", **gives}), explain=True)

    assert decision.reply == reply
    steps = [step for step in decision.explanation if step.kind == "next"]
    assert [step.taken for step in steps] == ([True] if reply == "Big." else [False, reply == "A gift."])


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

    assert (
        talk.say(understood(gives={"day": date(2026, 3, 8)})).reply
        == "Noted. Friday, 6 March 2026 to Sunday, 8 March 2026."
    )
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
