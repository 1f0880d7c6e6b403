"""Prompts: versions that tell their words, and nothing in them that users said."""

import pytest
from jinja2 import UndefinedError

from parley_server.models.prompts import prompt, shortened, tokens_of

NAMES: dict[str, dict[str, object]] = {
    "understand": {"slots": [], "intents": []},
    "reply": {"locale": "en-US", "instructions": "", "task": "Say hello."},
    "summarize": {},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_is_named_by_a_hash_of_its_words(name: str) -> None:
    found = prompt(name)

    assert found.version.startswith(f"{name}-")
    assert len(found.version) == len(name) + 9
    assert found is prompt(name)
    assert found.write(**NAMES[name])


def test_what_an_author_says_is_no_template() -> None:
    written = prompt("reply").write(locale="en-US", instructions="{{ 7 * 7 }}", task="{% raw %}")

    assert "{{ 7 * 7 }}" in written
    assert "{% raw %}" in written


def test_a_prompt_that_lacks_something_is_not_written() -> None:
    with pytest.raises(UndefinedError):
        prompt("reply").write()


@pytest.mark.parametrize(("text", "least", "most"), [("", 1, 5), ("word " * 300, 300, 600), ("\u8a9e" * 300, 300, 600)])
def test_tokens_are_estimated_rather_too_high(text: str, least: int, most: int) -> None:
    assert least <= tokens_of(text) <= most


def test_long_and_many_values_are_shortened() -> None:
    values = {f"slot_{n}": "x" * 4000 for n in range(256)}

    short = shortened({**values, "last": 7})

    assert len(short) == 100
    assert short["last"] == "7"
    assert sum(map(len, short.values())) <= 100 * 500
