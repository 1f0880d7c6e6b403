"""Cancel and help: what is said to the conversation itself."""

import pytest
from support.reading import INTENTS, read

from parley_server.core.slots import Choice, SlotDefinition, SlotType
from parley_server.core.understanding import Command, IntentExamples


@pytest.mark.parametrize(
    "message",
    [
        "cancel",
        "Cancel!",
        "please cancel this",
        "can you cancel it please",
        "stop",
        "Stop it now",
        "quit",
        "forget it",
        "forget about it",
        "never mind",
        "nevermind, thanks",
        "I want to stop",
        "let's cancel everything",
        "cancel the booking",
        "stop this conversation",
        "sorry, cancel that",
        "I don't want to continue",
    ],
)
def test_a_wish_to_stop_the_conversation_is_cancel(message: str) -> None:
    assert read(message, intents=INTENTS).command is Command.CANCEL


@pytest.mark.parametrize(
    "message",
    [
        "help",
        "Help!",
        "help me please",
        "can you help me?",
        "I need help",
        "what can I say",
        "what can you do?",
        "how does this work?",
    ],
)
def test_a_wish_for_help_with_the_conversation_is_help(message: str) -> None:
    assert read(message, intents=INTENTS).command is Command.HELP


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Command.RESTART, "start over"),
        (Command.RESTART, "Can we start again please?"),
        (Command.RESTART, "let's begin from the beginning"),
        (Command.REPEAT, "repeat that"),
        (Command.REPEAT, "Could you say that again, please?"),
        (Command.REPEAT, "Pardon?"),
        (Command.REPEAT, "what was the question?"),
        (Command.SKIP, "skip"),
        (Command.SKIP, "skip this one please"),
        (Command.SKIP, "I'd rather not say"),
        (Command.SKIP, "next question"),
        (Command.WHO, "who am I talking to?"),
        (Command.WHO, "are you a robot?"),
        (Command.WHO, "What's your name?"),
        (Command.THANKS, "thanks"),
        (Command.THANKS, "Great, thank you very much!"),
    ],
)
def test_what_is_said_to_the_conversation_itself_is_a_command(command: Command, message: str) -> None:
    assert read(message).command is command


@pytest.mark.parametrize(
    "message",
    [
        "start at nine",
        "repeat my last order",
        "a ski pass",
        "pass me the menu",
        "who won?",
        "thanks to you I am late",
        "again I want a table",
    ],
)
def test_the_same_words_in_a_wish_are_none(message: str) -> None:
    assert read(message).command is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "I know a place",
        "show me",
        "can you help me book a table",
        "I need help with my luggage",
        "cancel my subscription",
        "don't cancel",
        "stop by at noon",
        "what can I do in Paris",
        "the unstoppable helper",
        "never",
    ],
)
def test_words_that_only_sound_like_a_command_are_none(message: str) -> None:
    assert read(message, intents=INTENTS).command is None


def test_a_value_in_the_message_outweighs_the_command() -> None:
    understanding = read("never mind, 4pm is fine", requested="time")

    assert understanding.command is None
    assert "time" in understanding.slots


@pytest.mark.parametrize(("message", "expected"), [("help", Command.HELP), ("help desk", None), ("stop", None)])
def test_of_a_command_and_a_choice_the_one_that_is_said_in_full_wins(message: str, expected: Command | None) -> None:
    topic = SlotDefinition(
        name="topic",
        type=SlotType.CHOICE,
        choices=(Choice(name="support", synonyms=("help desk",)), Choice(name="stop")),
    )

    understanding = read(message, slots=[topic], requested="topic")

    assert understanding.command is expected
    assert bool(understanding.slots) is (expected is None)


CANCELLING = IntentExamples(name="cancel_booking", examples=("cancel my booking", "I need to cancel my appointment"))


@pytest.mark.parametrize(
    ("message", "intents", "expected"),
    [
        ("cancel the booking", (*INTENTS, CANCELLING), None),
        ("cancel the booking", INTENTS, Command.CANCEL),
        ("cancel", (*INTENTS, CANCELLING), Command.CANCEL),
        ("help", (IntentExamples(name="support", examples=("help", "I need support")),), None),
    ],
)
def test_an_intent_outweighs_a_command_only_if_it_is_about_it(
    message: str, intents: tuple[IntentExamples, ...], expected: Command | None
) -> None:
    assert read(message, intents=intents).command is expected
