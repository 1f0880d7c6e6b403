import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import SlotType

PHONE = slot(SlotType.PHONE)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("my number is (415) 555-2671.", "+14155552671"),
        ("4155552671", "+14155552671"),
        ("789 657 5678", "+17896575678"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("0049 176 12345678", "+4917612345678"),
        ("7356 e canal lane endicott ny 13760 3158007478", "+13158007478"),
        ("it's four one five, double five five, two six seven one", "+14155552671"),
        ("plus four four two zero seven nine four six double zero one eight", "+442079460018"),
    ],
)
def test_a_number_is_found_and_kept_in_e164(message: str, expected: str) -> None:
    assert found(message, PHONE) == [expected]
    assert parsed(message, PHONE) == expected


@pytest.mark.parametrize(
    "message",
    [
        "Visa 5111 1111 1111 1111",
        "leaves at 7:40 am, $406, 2 stops",
        "booking poi 455",
        "plu 369852147",
        "http://example.com/87057367204",
        "one two three",
        "112-3333",
        "+45-12-34-56-78",
    ],
)
def test_other_digits_are_no_number(message: str) -> None:
    assert found(message, PHONE) == []


def test_the_locale_tells_the_country() -> None:
    assert parsed("020 7946 0018", PHONE, locale="en-GB") == "+442079460018"
    assert parsed("020 7946 0018", PHONE, locale="en-US") != "+442079460018"


def test_without_a_country_only_an_international_number_is_read() -> None:
    assert refusal("020 7946 0018", PHONE, locale="de").raw
    assert parsed("+44 20 7946 0018", PHONE, locale="de") == "+442079460018"


@pytest.mark.parametrize(
    ("words", "raw"), [("it's 555-0123", "555-0123"), ("+1 23", ""), ("call me", ""), (4155552671, "")]
)
def test_what_can_not_be_called_is_refused(words: object, raw: str) -> None:
    assert refusal(words, PHONE).raw == raw


def test_two_numbers_are_no_one_number() -> None:
    assert refusal("(415) 555-2671 or (415) 555-2672", PHONE).raw


@given(
    line=st.integers(min_value=0, max_value=9999),
    style=st.sampled_from(["+1415555{}", "415-555-{}", "(415) 555 {}", "415.555.{}"]),
)
def test_the_usual_styles_mean_the_same(line: int, style: str) -> None:
    assert parsed(style.format(f"{line:04}"), PHONE) == f"+1415555{line:04}"
