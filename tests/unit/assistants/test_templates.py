"""Templates: what they see, what they say, and that nothing else is within their reach."""

from collections.abc import Mapping
from datetime import date, time
from typing import Any

import pytest
from jinja2.exceptions import SecurityError
from support.conversations import scope

from parley_server.assistants.templates import NAMES, compile_template
from parley_server.core.texts import render

SLOTS = {"day": date(2026, 3, 6), "at": time(15), "name": "Ada"}


def say(source: str, **fields: Any) -> str:
    return render(compile_template(source, SLOTS), scope(**fields).names())


def test_a_template_sees_the_names_of_a_scope_and_no_others() -> None:
    assert frozenset(scope().names()) == NAMES


@pytest.mark.parametrize(
    "text", ["Plain words.", "", "a {b} c", "{ }", "100 % {", "a }} b", "{'json': 1}", "Ünïcödé 🙂"]
)
def test_a_text_without_markup_stands_for_itself(text: str) -> None:
    assert say(text) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Hello {{ slots.name }}!", "Hello Ada!"),
        ("{{ slots['name'] | upper }}", "ADA"),
        ('{{ slots.day.strftime("%A, %B %-d") }}', "Friday, March 6"),
        ("{{ slots.day.year - today.year }}", "0"),
        ('{{ slots.at.strftime("%H:%M") }}', "15:00"),
        ("{% if slots.day > today %}later{% else %}now{% endif %}", "later"),
        (
            "{{ now.hour }} {{ today.isoformat() }} {{ turn }} {{ phase }} {{ session_id }}",
            "10 2026-03-04 1 greeting s-1",
        ),
        ("{{ metadata.tier }}{{ metadata.missing }}", "gold"),
        ("{{ user_id }}|{{ session_id }}|{{ intent }}|{{ message }}", "|s-1||…"),
        ("{{ slots.day }}, {{ slots.at }}", "Friday, 6 March 2026, 15:00"),
        (
            "{{ 24.0 }} {{ 0.5 }} {{ 1 == 1 }} {{ 1 == 2 }} {{ none }}{{ now }}",
            "24 0.5 yes no 2026-03-04 10:00:00+00:00",
        ),
        ("{# for the author #}  said  ", "said"),
        ("{% for word in ['a', 'b'] %}{{ word }}{% endfor %}", "ab"),
    ],
)
def test_a_template_says_what_is_known(source: str, said: str) -> None:
    assert say(source, slots=SLOTS, metadata={"tier": "gold"}) == said


def test_a_slot_without_a_value_is_nothing() -> None:
    assert say("[{{ slots.name }}]") == "[]"
    assert say("{% if slots.name %}yes{% else %}no{% endif %}") == "no"


def test_what_a_user_says_is_a_value_and_never_a_template() -> None:
    assert say("Hello {{ slots.name }}!", slots={"name": "{{ 7 * 7 }} <b>"}) == "Hello {{ 7 * 7 }} <b>!"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{", "not a template"),
        ("{{ slots.name", "not a template"),
        ("{% if slots.name %}", "not a template"),
        ("{% shout %}", "unknown tag 'shout'"),
        ("{{ slots.name | shout }}", "No filter named 'shout'"),
        ("{{ slots.name is shouted }}", "No test named 'shouted'"),
        ("{{ nobody }}", "names what there is not: nobody"),
        ("{{ slots.size }} {{ size }}", "names what there is not: size, slots.size"),
        ("{{ slots['size'] }}", "names what there is not: slots.size"),
        ("{{ slots.__class__ }}", "names what there is not: slots.__class__"),
        ("{{ slots.pop('name') }}", "names what there is not: slots.pop"),
        ("{{ ['a', 'b'] | random }}", "No filter named 'random'"),
        ("{{ lipsum() }}", "names what there is not: lipsum"),
        ("{% include 'x' %}", "nothing from other files"),
        ("{% import 'x' as x %}", "nothing from other files"),
        ("{% from 'x' import y %}", "nothing from other files"),
        ("{% extends 'x' %}", "nothing from other files"),
    ],
)
def test_a_template_that_can_not_be_right_is_refused_at_load(source: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        compile_template(source, SLOTS)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ slots.name.__class__.__subclasses__() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ slots.name.__init__.__globals__['sys'] }}",
        "{{ metadata.update({'a': 1}) }}",
        "{{ metadata.clear() }}",
        "{{ '{0.__class__.__mro__}'.format(slots.name) }}",
        "{{ (slots.name | attr('__class__')).__mro__ }}",
    ],
)
def test_a_template_reaches_nothing_beyond_its_names_and_changes_nothing(source: str) -> None:
    metadata: Mapping[str, object] = {"tier": "gold"}

    with pytest.raises(SecurityError):
        say(source, slots=SLOTS, metadata=metadata)

    assert metadata == {"tier": "gold"}
