"""The words by which the choices of a slot are recognised, made once for each definition.

This module must not know messages: `choices` compares them with these words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import msgspec

from parley_server.core.slots import SlotDefinition
from parley_server.nlu.clauses import word_set
from parley_server.nlu.values.synonyms import SYNONYMS
from parley_server.nlu.values.words import STOP_WORDS, WORD, context_stems, folded, singular, stem

NAMED, MISTYPED, SYNONYM, PART = 1.0, 0.85, 0.75, 0.6
"""The scores, by how a choice is recognised."""
SHORTEST_MISTYPED = 6
"""A word with fewer letters is too near to others to be corrected."""
_LONG = 8

_NONE = word_set("none no nothing")
_DULL = word_set("area place type class other general high low very service all first last new")
"""Words that make no choice out of a name that has more words."""


class Phrase(msgspec.Struct, frozen=True):
    """Words that mean a choice."""

    words: tuple[str, ...]
    """In lower case and in the singular."""
    choice: str
    score: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All the words of a slot."""

    phrases: Mapping[str, tuple[Phrase, ...]]
    """What means a choice that is no number, by the first word, the longest and surest first."""
    long_words: frozenset[str]
    """The words of the choices' own names that are long enough to be mistyped."""
    near: Mapping[tuple[str, int], tuple[str, ...]]
    """These by the first letter and the length that a word has which may be one of them, mistyped."""
    numbers: frozenset[str]
    """The names of the choices that are numbers."""
    none: str
    """The name of the choice of none; empty: there is no such choice."""


@lru_cache(maxsize=1024)
def vocabulary_of(definition: SlotDefinition) -> Vocabulary:
    """Returns the words of a slot's choices."""
    choices, context = definition.choices, context_stems(definition)
    named = [
        (_words(text), choice.name)
        for choice in choices
        for text in (choice.name, *choice.synonyms)
        if not text.isdecimal()
    ]
    joined = [(("".join(words),), name) for words, name in named if len(words) > 1]
    synonyms = [(other, name) for words, name in named for other in SYNONYMS.get(words, ())]
    parts = [
        ((word,), name)
        for words, name in named
        for word in words
        if len(words) > 1 and word not in STOP_WORDS and word not in _DULL and stem(word) not in context
    ]
    phrases: dict[tuple[str, ...], Phrase] = {}
    for group, score in ((named + joined, NAMED), (synonyms, SYNONYM), (parts, PART)):
        _add_unique(phrases, group, score)
    by_first: dict[str, list[Phrase]] = {}
    for phrase in sorted(phrases.values(), key=lambda phrase: (-len(phrase.words), -phrase.score)):
        by_first.setdefault(phrase.words[0], []).append(phrase)
    known = chain.from_iterable(words for words, _ in named)
    long_words = frozenset(word for word in known if len(word) >= SHORTEST_MISTYPED)
    return Vocabulary(
        phrases={first: tuple(group) for first, group in by_first.items()},
        long_words=long_words,
        near=_near(long_words),
        numbers=frozenset(choice.name for choice in choices if choice.name.isdecimal()),
        none=next((choice.name for choice in choices if choice.name.casefold() in _NONE), ""),
    )


def most_errors(word: str) -> int:
    """Returns how many letters of a long word may be wrong."""
    return 1 if len(word) < _LONG else 2


def _near(long_words: Iterable[str]) -> Mapping[tuple[str, int], tuple[str, ...]]:
    near: dict[tuple[str, int], tuple[str, ...]] = {}
    for word in sorted(long_words):
        errors = most_errors(word)
        for length in range(max(SHORTEST_MISTYPED, len(word) - errors), len(word) + errors + 1):
            near[word[0], length] = (*near.get((word[0], length), ()), word)
    return near


def _words(text: str) -> tuple[str, ...]:
    return tuple(singular(word) for word in WORD.findall(folded(text).replace("_", " ")))


def _add_unique(
    phrases: dict[tuple[str, ...], Phrase], group: Iterable[tuple[tuple[str, ...], str]], score: float
) -> None:
    """Adds the phrases that mean one choice alone, unless surer ones stand there."""
    meanings: dict[tuple[str, ...], set[str]] = {}
    for words, name in group:
        meanings.setdefault(words, set()).add(name)
    for words, names in meanings.items():
        if words and len(names) == 1:
            phrases.setdefault(words, Phrase(words, names.pop(), score))
