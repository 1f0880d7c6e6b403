"""Intents: what few examples teach, and what they do not."""

import pytest
from support.reading import INTENTS

from parley_server.core.understanding import IntentExamples
from parley_server.nlu.intents import STRONG, IntentClassifier

CLASSIFIER = IntentClassifier(INTENTS)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("I would like to book an appointment for tomorrow", "book"),
        ("could you make me an appointment please", "book"),
        ("when do you open?", "opening_hours"),
        ("are you open at 5", "opening_hours"),
        ("HELLO", "greeting"),
        ("good evening", "greeting"),
        ("what's the price of support", "prices"),
        ("thanks!", "thanks"),
        ("Hi, I need an appointment", "book"),
        ("Good morning! When are you open?", "opening_hours"),
        ("hi there!", "greeting"),
        ("I need an appointment, thanks", "book"),
        ("when are you open please? thank you very much!", "opening_hours"),
        ("ok thanks", "thanks"),
    ],
)
def test_a_message_near_an_intents_examples_has_the_intent(message: str, expected: str) -> None:
    assert CLASSIFIER.match(message)[0].name == expected


@pytest.mark.parametrize(
    "message",
    [
        "",
        "...",
        "my dog has fleas",
        "who won the world cup",
        "tomorrow at 5",
        "Sunday",
        "ada@example.org",
        "yes",
        "can I",
        "I want to",
        "hellish hills",
    ],
)
def test_a_message_about_something_else_has_no_intent(message: str) -> None:
    assert CLASSIFIER.match(message) == ()


def test_an_example_itself_is_certain() -> None:
    match = CLASSIFIER.match("Are you open on sunday?")[0]

    assert (match.name, match.score) == ("opening_hours", 1.0)


@pytest.mark.parametrize("message", ["I need an appointment, thanks", "Hi! What are your hours please? Bye"])
def test_courtesies_around_a_task_are_no_second_intent(message: str) -> None:
    assert len(CLASSIFIER.match(message)) == 1


@pytest.mark.parametrize("message", ["hello", "hi there", "good morning!", "bye", "bye bye", "goodbye then", "see you"])
def test_small_talk_is_no_task_though_a_tasks_examples_begin_with_it(message: str) -> None:
    order = IntentExamples(name="order", examples=("hello, I want to order", "hi there, one pizza", "order a pizza"))
    track = IntentExamples(name="track", examples=("good morning, where is my order", "has my pizza left"))

    assert IntentClassifier([order, track]).match(message) == ()


def test_matches_come_surest_first_and_within_bounds() -> None:
    matches = CLASSIFIER.match("hello, how much is an appointment for a consultation, and when are you open?")

    scores = [match.score for match in matches]
    assert len(matches) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(0.5 <= score <= 1 for score in scores)


def test_an_intent_without_examples_is_known_by_the_words_of_its_name() -> None:
    classifier = IntentClassifier([IntentExamples(name="talk_to_human"), IntentExamples(name="faq")])

    assert [match.name for match in classifier.match("I'd like to talk to human staff")] == ["talk_to_human"]
    assert classifier.match("talk to humans")[:1] == ()
    assert classifier.match("faqs")[:1] == ()


def test_learning_twice_gives_the_same() -> None:
    message = "could I get an appointment or the prices"

    assert IntentClassifier(INTENTS).match(message) == CLASSIFIER.match(message)


def test_without_intents_nothing_is_recognised() -> None:
    assert IntentClassifier(()).match("hello") == ()
    assert STRONG < 1
