"""Dates in other languages than English, and odd forms of English ones, read by `dateparser`.

`dateparser` takes milliseconds and reads dates into many words that are none, so it never sees a message: only the
words that look like a date by its own tables of the language. This module must not know slots.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from parley_server.nlu.values.dates.meanings import When
from parley_server.nlu.values.dates.vocabulary import MONTHS, WEEKDAYS

_LONGEST = 40
"""How many characters a date has at most."""
_ODD = re.compile(r"\d.*[^\W\d_]{3}|[^\W\d_]{3}.*\d", re.DOTALL)
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NUMBER_IN_TABLE = r"(\d++[.,]?\d*+)"
"""How the tables write a number."""


def foreign_dates_in(text: str, language: str, when: When) -> Iterator[tuple[date, slice]]:
    """Finds the dates of a folded text in a language of the code `language`, which is not English."""
    pattern = _pattern(language)
    if pattern is None:
        return
    for match in pattern.finditer(text):
        day = _parser()(match[0], language, when, strict=False)
        if day:
            yield day, slice(*match.span())


def odd_date(text: str, language: str, when: When) -> date | None:
    """Reads a text that is nothing but a date with day, month and year, in whatever order; None if it is not."""
    if len(text) > _LONGEST or not _ODD.search(text):
        return None
    return _parser()(text, language, when, strict=True)


@cache
def _parser() -> Callable[..., date | None]:
    # Imported when the first such date comes: most servers never see one.
    from dateparser import parse  # noqa: PLC0415

    def read(words: str, language: str, when: When, *, strict: bool) -> date | None:
        settings: dict[str, Any] = {
            "DATE_ORDER": "DMY" if when.day_first else "MDY",
            "PREFER_DATES_FROM": "past" if when.past else "future",
            "RELATIVE_BASE": when.now.replace(tzinfo=None),
            "STRICT_PARSING": strict,
        }
        try:
            moment = parse(words, languages=[language], settings=settings)
        except ValueError:  # It does not know the language.
            return None
        return moment.date() if moment else None

    return read


@lru_cache(maxsize=64)
def _pattern(language: str) -> re.Pattern[str] | None:
    """Makes the pattern of what may be a date, out of `dateparser`'s tables; None if it has none for the language."""
    if not _LANGUAGE.fullmatch(language):
        return None
    try:
        table: Mapping[str, Any] = import_module(f"dateparser.data.date_translation_data.{language}").info
    except ImportError:
        return None
    months = _either(word for name in MONTHS for word in table.get(name, ()) if len(word) > 2)
    weekdays = _either(word for name in WEEKDAYS for word in table.get(name, ()) if len(word) > 3)
    day = r"\d{1,2}(?:\.|º|°|er|e|ª)?"
    link = r"(?:\s(?:de|del|di|d'))?"
    alternatives = (
        rf"{day}{link}\s(?:{months})\b\.?(?:{link},?\s\d{{4}})?",
        rf"(?:{months})\b\.?\s{day}(?:,?\s\d{{4}})?",
        *_relative_phrases(table),
        weekdays,
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)")


def _relative_phrases(table: Mapping[str, Any]) -> Iterator[str]:
    """Yields the patterns of phrases that are counted in days or more: "gestern", "in 2 Wochen"."""
    digits = {word for rule in table.get("simplifications", ()) for word, value in rule.items() if value.isdecimal()}
    number = rf"(?:\d+|{_either(word for word in digits if word.isalpha())})"
    for meaning, phrases in table.get("relative-type-regex", {}).items():
        if re.search(r"\b(?:day|week|month|year)\b", meaning):
            yield from (phrase.lower().replace(_NUMBER_IN_TABLE, number) for phrase in phrases)
    for meaning, phrases in table.get("relative-type", {}).items():
        if re.search(r"\bday\b", meaning):
            yield _either(phrases)


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted((re.escape(word.lower()) for word in words), key=len, reverse=True)) or r"(?!)"
