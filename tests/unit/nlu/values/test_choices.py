import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import Choice, SlotDefinition, SlotType


def choice(*names: str, name: str = "option", **synonyms: tuple[str, ...]) -> SlotDefinition:
    """A slot with these choices, and synonyms of some of them."""
    choices = tuple(Choice(name=each, synonyms=synonyms.get(each, ())) for each in names)
    return slot(SlotType.CHOICE, name, choices=choices)


CLASS = choice("Economy", "Premium Economy", "Business", "First Class")
PRICE = choice("inexpensive", "moderate", "expensive", "very expensive")
SIZE = choice("small", "medium", "large", large=("family size", "XL"))
SPEAKER = choice("TV", "kitchen speaker", "bedroom speaker")
ACCOUNT = choice("checking", "savings")
ROOMS = choice("1", "2", "3", name="number_of_rooms")


@pytest.mark.parametrize(
    ("definition", "message", "expected"),
    [
        (CLASS, "an ECONOMY ticket, please", ["Economy"]),
        (CLASS, "premium economy seats", ["Premium Economy"]),
        (CLASS, "premium", ["Premium Economy"]),
        (CLASS, "busines class", ["Business"]),
        (CLASS, "economy or business", ["Economy", "Business"]),
        (CLASS, "business, not economy", ["Business"]),
        (CLASS, "anything", []),
        (PRICE, "something very expensive", ["very expensive"]),
        (PRICE, "a cheap place", ["inexpensive"]),
        (PRICE, "is the restaurant expensive?", []),
        (SIZE, "two family size pizzas", ["large"]),
        (SIZE, "an xl one", ["large"]),
        (SIZE, "I shall not", []),
        (SPEAKER, "play it in the bedroom", ["bedroom speaker"]),
        (SPEAKER, "on the television", ["TV"]),
        (SPEAKER, "on the speaker", []),
        (ACCOUNT, "I want to check my savings", ["savings"]),
        (ROOMS, "two rooms for 3 nights", ["2"]),
        (ROOMS, "that one for 3 people", []),
    ],
)
def test_choices_are_found_by_their_words(definition: SlotDefinition, message: str, expected: list[str]) -> None:
    assert found(message, definition) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("the second one", "medium"),
        ("2", "medium"),
        ("option 3 please", "large"),
        ("the last one", "large"),
        ("1st", "small"),
        ("meduim", "medium"),
        ("Small.", "small"),
    ],
)
def test_an_answer_may_name_the_choice_or_its_place(words: str, expected: str) -> None:
    assert parsed(words, SIZE) == expected


def test_a_choice_that_is_a_number_is_no_place_in_the_list() -> None:
    assert parsed("4", choice("2", "4", "6", "8")) == "4"


@pytest.mark.parametrize("words", ["small or large", "the 4th one", "purple", "", 2, True, None])
def test_what_is_not_one_choice_is_refused_and_the_choices_told(words: object) -> None:
    assert refusal(words, SIZE).reason == "Please choose one of these: small, medium, large."


def test_a_synonym_of_two_choices_means_neither() -> None:
    assert found("soda", choice("cola", "lemonade", cola=("soda",), lemonade=("soda",))) == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [("chekcing", ["checking"]), ("checkng please", ["checking"]), ("let me check", []), ("the checkin", [])],
)
def test_a_common_word_is_no_typo(message: str, expected: list[str]) -> None:
    assert found(message, ACCOUNT) == expected


@pytest.mark.parametrize("words", ["pool", "tool", "pols"])
def test_short_words_are_never_corrected(words: str) -> None:
    assert found(words, choice("poll", "regular")) == []


@given(
    name=st.sampled_from(PRICE.choices),
    lead=st.sampled_from(["", "I want ", "rather "]),
    tail=st.sampled_from(["", "!", " please"]),
)
def test_every_choice_is_read_by_its_own_name(name: Choice, lead: str, tail: str) -> None:
    assert parsed(lead + name.name.title() + tail, PRICE) == name.name


@given(message=st.text(max_size=60))
def test_any_text_may_be_looked_through(message: str) -> None:
    assert set(found(message, SIZE)) <= {"small", "medium", "large"}
