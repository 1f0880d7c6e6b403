"""Evasions: what is no answer to a question for words, and what is one all the same."""

import pytest
from support.reading import read, slot

NAME = slot("name", description="the name of the user")
DETAILS = slot("details", description="what happens")


@pytest.mark.parametrize(
    "message",
    [
        "dunno",
        "idk lol",
        "I don't know",
        "no idea, sorry",
        "not sure yet",
        "I can't remember",
        "the same as last time",
        "same as before",
        "as usual",
        "you already have it",
        "I told you already",
        "none of your business",
        "I'd rather not say",
        "why do you need that",
        "one sec",
        "wait",
        "let me check",
        "hmm",
        "ok",
        "that's all",
        "I changed my mind",
        "are you still there?",
    ],
)
def test_who_gives_no_answer_fills_no_slot(message: str) -> None:
    assert not read(message, slots=(NAME,), requested="name").slots


@pytest.mark.parametrize(
    "message",
    [
        "nothing happens",
        "it does not know me",
        "no idea, it just stopped",
        "wait, the light is red",
        "when I switch it on, it goes off",
        "the same light is on as before",
        "red light. no sound. please help",
        "call me when it works",
    ],
)
def test_words_that_only_begin_so_are_an_answer(message: str) -> None:
    assert read(message, slots=(DETAILS,), requested="details").slots["details"].value == message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Smith, like the blacksmith", "Smith"),
        ("Anne with an e", "Anne"),
        ("put it under Smith", "Smith"),
        ("it's for my daughter Emily", "Emily"),
        ("Ann Lee, not Ann Li", "Ann Lee"),
        ("Lee and we need a high chair", "Lee"),
        ("you can call me Al", "Al"),
        ("dr lee", "dr lee"),
    ],
)
def test_a_name_is_taken_without_what_explains_it(message: str, expected: str) -> None:
    assert read(message, slots=(NAME,), requested="name").slots["name"].value == expected
