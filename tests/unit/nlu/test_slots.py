"""Slots: many values in one message, each to the slot that it is meant for."""

from collections.abc import Sequence
from datetime import date, time

import pytest
from support.reading import BOOKED, BOOKING, INTENTS, read, slot, values

from parley_server.core.slots import SlotDefinition, SlotType, SlotValue

STAY = (
    slot("check_in", SlotType.DATE, "first night of the stay"),
    slot("check_out", SlotType.DATE, "last day of the stay"),
    slot("adults", SlotType.INTEGER),
    slot("children", SlotType.INTEGER),
    slot("room", SlotType.CHOICE, "kind of room", "single double suite"),
)
TRIP = (
    slot("origin", description="where the trip starts"),
    slot("destination", description="where the trip ends"),
    slot("seats", SlotType.CHOICE, "number of seats", "1 2 3 4 5"),
)
CALL = slot("mobile", SlotType.PHONE)
VISIT = (slot("reason", description="why the user comes"), *BOOKING)


def march(day: int) -> date:
    return date(2026, 3, day)


def test_one_message_fills_every_slot_that_it_has_a_value_for() -> None:
    understanding = read("Book a consultation tomorrow at 15:00, I'm Ada, ada@example.org", intents=INTENTS)

    assert values(understanding) == {
        "service": "consultation",
        "date": march(5),
        "time": time(15),
        "name": "Ada",
        "email": "ada@example.org",
    }
    assert understanding.intent == "book"
    assert not understanding.correction


@pytest.mark.parametrize(
    ("slots", "message", "expected"),
    [
        (STAY, "from March 6 to March 9", {"check_in": march(6), "check_out": march(9)}),
        (STAY, "checking out on March 9, arriving March 6", {"check_in": march(6), "check_out": march(9)}),
        (STAY, "March 6, March 9", {"check_in": march(6), "check_out": march(9)}),
        (STAY, "6 March, 9 March", {"check_in": march(6), "check_out": march(9)}),
        (STAY, "March 6 and March 9", {"check_in": march(6), "check_out": march(9)}),
        (STAY, "two adults and one child", {"adults": 2, "children": 1}),
        (STAY, "1 child, 3 adults, a double room", {"adults": 3, "children": 1, "room": "double"}),
        (STAY, "a suite until Friday", {"room": "suite", "check_out": march(6)}),
        (TRIP, "from Paris to London", {"origin": "Paris", "destination": "London"}),
        (TRIP, "to New York from Los Angeles, CA", {"origin": "Los Angeles, CA", "destination": "New York"}),
        (TRIP, "two seats to Rome please", {"seats": "2", "destination": "Rome"}),
        (VISIT, "the reason is a toothache", {"reason": "a toothache"}),
        ([CALL], "the phone of the shop is 415-555-2671 and my mobile is 415-555-2672", {"mobile": "+14155552672"}),
    ],
)
def test_the_words_near_a_value_say_which_slot_it_is_for(
    slots: Sequence[SlotDefinition], message: str, expected: dict[str, SlotValue]
) -> None:
    assert values(read(message, slots=slots)) == expected


@pytest.mark.parametrize(
    ("requested", "message", "expected"),
    [
        ("check_out", "March 9", {"check_out": march(9)}),
        ("check_in", "March 9", {"check_in": march(9)}),
        ("check_in", "I leave on March 9", {"check_out": march(9)}),
        ("children", "2", {"children": 2}),
    ],
)
def test_a_bare_value_goes_to_the_slot_that_was_asked_for(
    requested: str, message: str, expected: dict[str, SlotValue]
) -> None:
    assert values(read(message, slots=STAY, requested=requested)) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("my name is Bob", "Bob"),
        ("it's Grace", "Grace"),
        ("grace", "grace"),
    ],
)
def test_free_text_that_was_asked_for_is_taken(message: str, expected: str) -> None:
    assert values(read(message, requested="name", intents=INTENTS)) == {"name": expected}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("is that needed?", {}),
        ("hello", {}),
        ("hm", {}),
        ("what do you mean", {}),
        ("cancel", {}),
        ("help me please", {}),
        ("no", {}),
        ("any", {}),
        ("I don't care", {}),
        ("I want to book an appointment", {}),
        ("tomorrow", {"date": march(5)}),
        ("tomorrow at 3pm please", {"date": march(5), "time": time(15)}),
        ("my email is ada@example.org", {"email": "ada@example.org"}),
    ],
)
def test_what_is_clearly_something_else_is_no_free_text(message: str, expected: dict[str, SlotValue]) -> None:
    assert values(read(message, slots=VISIT, requested="reason", intents=INTENTS)) == expected


@pytest.mark.parametrize(
    ("requested", "message", "expected"),
    [
        ("service", "the second one", {"service": "support"}),
        ("service", "3", {"service": "sales"}),
        ("service", "the last one please", {"service": "sales"}),
        ("time", "15", {"time": time(15)}),
        ("date", "2", {}),
    ],
)
def test_what_is_a_value_only_as_the_answer_is_taken_where_it_was_asked_for(
    requested: str, message: str, expected: dict[str, SlotValue]
) -> None:
    assert values(read(message, requested=requested)) == expected
    assert values(read(message)) == {}


def test_free_text_that_was_asked_for_keeps_the_values_in_it() -> None:
    message = "a toothache since Monday"

    assert values(read(message, slots=VISIT, requested="reason")) == {"reason": message}


@pytest.mark.parametrize("message", ["any", "whatever", "it doesn't matter", "no preference", "up to you"])
def test_no_preference_is_no_value_unless_it_is_a_choice(message: str) -> None:
    colors = slot("color", SlotType.CHOICE, choices="red blue")

    assert values(read(message, slots=[colors], requested="color")) == {}
    assert values(read("any", slots=[slot("color", SlotType.CHOICE, choices="red any")], requested="color")) == {
        "color": "any"
    }


@pytest.mark.parametrize(
    ("requested", "message", "raw"),
    [
        ("email", "ada@@example", "ada@@example"),
        ("email", "it is ada@example", "ada@example"),
        ("email", "ada at home", "ada at home"),
        ("date", "February 30", "February 30"),
        ("time", "at 27", "at 27"),
    ],
)
def test_what_was_meant_as_the_answer_and_is_none_is_rejected_with_a_reason(
    requested: str, message: str, raw: str
) -> None:
    understanding = read(message, requested=requested)

    assert values(understanding) == {}
    assert [(rejection.slot, rejection.raw) for rejection in understanding.rejected] == [(requested, raw)]
    assert understanding.rejected[0].reason


@pytest.mark.parametrize("message", ["is there no other day?", "what days do you have?", "hm", "cancel"])
def test_what_was_not_meant_as_the_answer_is_not_rejected(message: str) -> None:
    assert read(message, requested="date").rejected == ()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Monday or Tuesday", {}),
        ("not Friday", {}),
        ("any day but not on Friday", {}),
        ("Monday rather than Friday", {"date": march(9)}),
    ],
)
def test_values_that_are_left_open_or_denied_are_not_taken(message: str, expected: dict[str, SlotValue]) -> None:
    assert values(read(message, requested="date")) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the 9th looks busy to me", {}),
        ("what time do you close on Sunday?", {}),
        ("the date is the 9th", {"date": march(9)}),
        ("make it the 9th", {"date": march(9)}),
    ],
)
def test_a_filled_slot_changes_only_where_the_message_says_so(message: str, expected: dict[str, SlotValue]) -> None:
    assert values(read(message, filled=BOOKED)) == expected


@pytest.mark.parametrize(
    ("message", "confirming", "expected"),
    [
        ("yes please", True, {"insured": True}),
        ("Yup that's fine", False, {"insured": True}),
        ("Not right now thanks", False, {"insured": False}),
        ("No, thank you. That's all I need for now.", True, {"insured": False}),
        ("Yes please from Paris", False, {"insured": True, "origin": "Paris"}),
        ("yes, but not insured for theft", True, {"insured": True}),
        ("\U0001f44d", True, {"insured": True}),
        ("\U0001f44e, two seats", True, {"insured": False, "seats": "2"}),
        ("sounds good", True, {"insured": True}),
        ("no, and two seats", True, {"insured": False, "seats": "2"}),
        ("nope", False, {"insured": False}),
        ("is it expensive?", True, {}),
    ],
)
def test_yes_and_no_answer_a_boolean_that_was_asked_for(
    message: str, confirming: bool, expected: dict[str, SlotValue]
) -> None:
    slots = (slot("insured", SlotType.BOOLEAN, "whether the trip is insured"), *TRIP)

    assert values(read(message, slots=slots, requested="insured", confirming=confirming)) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [("a hotel with parking", {"parking": True}), ("does it have parking?", {}), ("do you know if it has parking", {})],
)
def test_a_question_for_a_fact_is_no_wish(message: str, expected: dict[str, SlotValue]) -> None:
    assert values(read(message, slots=[slot("parking", SlotType.BOOLEAN, "whether there is parking")])) == expected


PARTY = (
    slot("portions", SlotType.INTEGER, "how much food"),
    slot("guests", SlotType.INTEGER, "how many come"),
    slot("delivery", SlotType.DATE, "when the food comes"),
    slot("visit", SlotType.DATE, "the day of the visit"),
    slot("name"),
)


@pytest.mark.parametrize(
    ("form", "flow", "requested", "message", "expected"),
    [
        (("guests", "visit"), (), "", "5 on Friday", {"guests": 5, "visit": march(6)}),
        ((), ("guests", "visit"), "", "5 on Friday", {"guests": 5, "visit": march(6)}),
        (("visit",), ("guests", "visit"), "visit", "Friday, 5 of us", {"guests": 5, "visit": march(6)}),
        (("guests",), ("guests",), "guests", "4, no, 5", {"guests": 5}),
        (("guests",), ("guests",), "guests", "4 and 5", {"guests": 4}),
        (("guests",), ("guests",), "", "5 portions", {"portions": 5}),
        ((), (), "", "5 on Friday", {"portions": 5, "delivery": march(6)}),
        (("name",), ("name",), "name", "12345", {"name": "12345"}),
    ],
)
def test_the_slots_of_the_form_and_of_the_flow_come_before_others(
    form: Sequence[str], flow: Sequence[str], requested: str, message: str, expected: dict[str, SlotValue]
) -> None:
    understanding = read(message, slots=PARTY, form=tuple(form), flow=frozenset(flow), requested=requested)

    assert values(understanding) == expected


def test_a_bare_value_of_another_slot_is_no_name() -> None:
    understanding = read("support please", filled={"service": "sales"}, requested="name")

    assert values(understanding) == {"service": "support"}


def test_a_slot_that_is_named_for_none_takes_none() -> None:
    subtitles = slot("subtitle_language", SlotType.CHOICE, "", "English None")
    vegans = slot("vegan_meals", SlotType.INTEGER)

    understanding = read("no subtitles and no vegan meals", slots=(subtitles, vegans))

    assert values(understanding) == {"subtitle_language": "None", "vegan_meals": 0}
