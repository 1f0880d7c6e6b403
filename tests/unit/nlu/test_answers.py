"""Yes and no: by words, and only where a message answers."""

import pytest

from parley_server.core.understanding import Answer
from parley_server.nlu.answers import answer_of
from parley_server.nlu.clauses import clauses_of


def answer(message: str, *, asked: bool = True) -> Answer | None:
    return answer_of(clauses_of(message), asked=asked)


@pytest.mark.parametrize(
    "message",
    [
        "yes",
        "Yes!",
        "yeah sure",
        "yep",
        "YES PLEASE",
        "oh yes",
        "sure, why not",
        "of course",
        "sounds good",
        "Sounds great, thanks",
        "that's right",
        "That\u2019s right",
        "thats right",
        "that is correct",
        "that would be fine",
        "that works for me",
        "it's all correct",
        "right",
        "ok",
        "OK, great",
        "perfect thanks",
        "go ahead",
        "please go ahead",
        "please do",
        "please",
        "no problem",
        "I don't mind",
        "I'm good with that",
        "alright, let's do it",
        "That is correct what is the cost?",
        "Perfect, how long does it take?",
        "yes, can I bring a friend?",
        "I guess so",
        "Absolutely book it",
    ],
)
def test_a_message_that_agrees_is_a_yes(message: str) -> None:
    assert answer(message) is Answer.YES


@pytest.mark.parametrize(
    "message",
    [
        "no",
        "No.",
        "nope",
        "nah I'm fine",
        "no thanks",
        "hmm, no",
        "no way",
        "not now",
        "not right now, thanks",
        "not really",
        "not yet",
        "don't",
        "please don't",
        "don't do it",
        "of course not",
        "absolutely not",
        "that is wrong",
        "that's not correct",
        "that doesn't work for me",
        "the date is wrong",
        "I'd rather not",
        "I don't think so",
        "I'm afraid not",
        "maybe later",
        "nothing, thank you",
        "that's all for now",
        "I'm all set",
        "Great. No, that's all",
        "No, is there another one?",
        "wrong",
        "not Friday",
        "I'd like to change something",
    ],
)
def test_a_message_that_declines_is_a_no(message: str) -> None:
    assert answer(message) is Answer.NO


@pytest.mark.parametrize(
    "message",
    [
        "",
        "?!",
        "I know a place",
        "right after noon",
        "right now",
        "good morning",
        "great place",
        "is there no other day?",
        "don't you have anything else?",
        "why not Tuesday?",
        "is that right?",
        "no idea",
        "no one told me",
        "no preference",
        "I don't know",
        "I don't care",
        "don't worry",
        "not sure",
        "not bad",
        "thank you",
        "maybe",
        "notice the yellow nose",
        "never mind",
        "it fits the northern surface",
    ],
)
def test_a_message_that_answers_nothing_is_neither(message: str) -> None:
    assert answer(message) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("yes", Answer.YES),
        ("no, thanks", Answer.NO),
        ("I want three, yes", Answer.YES),
        ("perfect", None),
        ("no nuts please", None),
        ("fine dining", None),
    ],
)
def test_where_no_question_was_asked_only_a_bare_yes_or_no_answers(message: str, expected: Answer | None) -> None:
    assert answer(message, asked=False) is expected
