import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import SlotType

EMAIL = slot(SlotType.EMAIL)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Ann.Lee+news@Example.COM", "ann.lee+news@example.com"),
        ("write to (ann@example.com), please.", "ann@example.com"),
        ("\uff5ctest@google.com\uff5cbar", "test@google.com"),
        ("it's ann at example dot com", "ann@example.com"),
        ("jean-jacques at stuff.co.uk", "jean-jacques@stuff.co.uk"),
        ("send it to bob dot smith at mail dot example dot org", "bob.smith@mail.example.org"),
        ("ann underscore lee at example dot com", "ann_lee@example.com"),
        ("john@gmail dot com", "john@gmail.com"),
        ("ann (at) example (dot) com", "ann@example.com"),
        ("it's Ann[dot]Lee[AT]example[dot]co[dot]uk!", "ann.lee@example.co.uk"),
        ("ann {at} example.com or so", "ann@example.com"),
        ("ann < @ > example.com", "ann@example.com"),
    ],
)
def test_an_address_is_found_written_and_spoken(message: str, expected: str) -> None:
    assert found(message, EMAIL) == [expected]
    assert parsed(message, EMAIL) == expected


@pytest.mark.parametrize(
    "message",
    [
        "@BotSys, let's go",
        "https://example.com/file_name",
        "Bob@abc.c is invalid",
        "fitness at 6.40",
        "look at example.com",
        "let's meet at noon",
        "send an email to my friend",
        "x@ x dot",
        "we are (at) home (dot)",
    ],
)
def test_what_is_no_address_is_not_found(message: str) -> None:
    assert found(message, EMAIL) == []


@pytest.mark.parametrize("raw", ["ann@example", "ann@@example.com", "a@b..com"])
def test_a_malformed_address_is_refused_by_name(raw: str) -> None:
    assert refusal(f"it's {raw}", EMAIL).raw == raw


@pytest.mark.parametrize("words", ["none", "", 5, None, True])
def test_what_is_no_address_at_all_is_refused_with_an_example(words: object) -> None:
    assert "such as" in refusal(words, EMAIL).reason


def test_two_addresses_are_no_one_address() -> None:
    assert refusal("ann@example.com or bob@example.com", EMAIL).raw


@given(
    local=st.from_regex(r"[a-z][a-z0-9]{0,10}([._+-][a-z0-9]{1,10})?", fullmatch=True),
    domain=st.sampled_from(["example.com", "mail.example.co.uk"]),
)
def test_a_plain_address_is_read_back(local: str, domain: str) -> None:
    assert parsed(f"{local}@{domain}", EMAIL) == f"{local}@{domain}"
