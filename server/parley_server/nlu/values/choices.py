"""Reads one of a slot's choices: slots of the type choice.

A choice is recognised by its name, its synonyms, everyday synonyms of them, a word of it that no other choice has, and
through small typing errors. This module must not know what the choices are about: it compares words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from rapidfuzz.distance import OSA

from parley_server.core.slots import Candidate, Choice, SlotDefinition, SlotValue
from parley_server.nlu.clauses import word_set
from parley_server.nlu.values.numerals import ORDINALS, SMALL
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.synonyms import SYNONYMS
from parley_server.nlu.values.words import STOP_WORDS, Word, context_stems, folded, stem, words_of

_SHORTEST_MISTYPED = 5
"""A shorter word is too near to others to be corrected."""
_NAMED, _MISTYPED, _SYNONYM, _PART = 1.0, 0.85, 0.75, 0.6
"""The scores, by how the choice was recognised."""
_NEGATED = re.compile(
    r"\b(?:not|no|non|without|except|instead\sof|rather\sthan|other\sthan|but\snot)[\s-](?:an?\s|the\s)?$"
)
_PICK = re.compile(
    r"\W*(?:i(?:'ll| will)\s(?:take|have)\s|let's\sgo\swith\s)?(?:(?:the|option|number|choice|no\.?)\s|#)*"
    rf"(?P<pick>last|\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join((*ORDINALS, *SMALL))})"
    r"(?:\s(?:one|option|choice))?(?:,?\splease)?\W*"
)
_DULL = frozenset(map(stem, word_set("area place type class other general high low very service all")))


@dataclass(frozen=True, slots=True)
class _Phrase:
    stems: tuple[str, ...]
    choice: str
    score: float


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    phrases: Mapping[str, tuple[_Phrase, ...]]
    """By their first word, the longest and surest first."""
    words: frozenset[str]
    """The words of the names and synonyms that are long enough to be mistyped."""


class ChoiceReader:
    """Reads one of the definition's choices."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads words that mean one choice alone, or its place in the list: "the second one", "2"."""
        names = [choice.name for choice in definition.choices]
        reason = f"Please choose {_listed(names)}."
        if not isinstance(words, str):
            return Refusal(reason)
        found = self.find(words, definition, reference)
        best = max((candidate.score for candidate in found), default=0.0)
        values = {str(candidate.value) for candidate in found if candidate.score == best}
        if len(values) == 1:
            return values.pop()
        if values:
            return Refusal(reason.replace("choose", "choose only one of", 1), words.strip())
        pick = _PICK.fullmatch(folded(words))
        return _picked(pick["pick"], names) or Refusal(reason, words.strip()) if pick else Refusal(reason)

    def find(self, message: str, definition: SlotDefinition, _reference: Reference) -> Sequence[Candidate]:
        """Finds every choice that is named."""
        vocabulary = _vocabulary(definition.choices, context_stems(definition))
        text = folded(message)
        words = words_of(text)
        found = list(_found(message, text, words, vocabulary))
        if found and max(candidate.score for candidate in found) == _NAMED:
            return [candidate for candidate in found if candidate.score == _NAMED]
        corrected = [_corrected(word, vocabulary.words) for word in words]
        if corrected != words:
            named = [
                candidate for candidate in _found(message, text, corrected, vocabulary) if candidate.score == _NAMED
            ]
            if named:
                return [_rescored(candidate, _MISTYPED) for candidate in named]
        return found


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _picked(pick: str, names: Sequence[str]) -> str | None:
    digits = pick.rstrip("stndrh")
    place = len(names) if pick == "last" else int(digits) if digits.isdigit() else ORDINALS.get(pick) or SMALL[pick]
    return names[place - 1] if 0 < place <= len(names) else None


def _found(message: str, text: str, words: Sequence[Word], vocabulary: _Vocabulary) -> Iterator[Candidate]:
    at = 0
    while at < len(words):
        phrase = next(
            (
                phrase
                for phrase in vocabulary.phrases.get(words[at].stem, ())
                if len(phrase.stems) == 1
                or tuple(word.stem for word in words[at : at + len(phrase.stems)]) == phrase.stems
            ),
            None,
        )
        if phrase is None:
            at += 1
            continue
        start, end = words[at].start, words[at + len(phrase.stems) - 1].end
        at += len(phrase.stems)
        if not _NEGATED.search(text, max(0, start - 20), start):
            yield Candidate(value=phrase.choice, raw=message[start:end], start=start, score=phrase.score)


def _corrected(word: Word, known: frozenset[str]) -> Word:
    """Puts a known word in place of one that was mistyped; the first letter must be right."""
    length = len(word.stem)
    if length < _SHORTEST_MISTYPED or word.stem in known:
        return word
    limit = 1 if length < 8 else 2
    near = [(OSA.distance(word.stem, other, score_cutoff=limit), other) for other in known if other[0] == word.stem[0]]
    distance, other = min(near, default=(limit + 1, ""))
    return Word(other, word.start, word.end) if distance <= limit else word


def _rescored(candidate: Candidate, score: float) -> Candidate:
    return Candidate(value=candidate.value, raw=candidate.raw, start=candidate.start, score=score)


@lru_cache(maxsize=1024)
def _vocabulary(choices: tuple[Choice, ...], context: frozenset[str]) -> _Vocabulary:
    named = {_stems(text): choice.name for choice in choices for text in (choice.name, *choice.synonyms)}
    phrases = {stems: _Phrase(stems, name, _NAMED) for stems, name in named.items() if stems}
    phrases |= {
        ("".join(stems),): _Phrase(("".join(stems),), name, _NAMED) for stems, name in named.items() if len(stems) > 1
    }
    _add_unique(
        phrases, ((other, name) for stems, name in named.items() for other in SYNONYMS.get(stems, ())), _SYNONYM
    )
    parts = (
        ((word,), name)
        for stems, name in named.items()
        for word in stems
        if len(stems) > 1 and word not in STOP_WORDS and word not in _DULL and word not in context
    )
    _add_unique(phrases, parts, _PART)
    by_first: dict[str, list[_Phrase]] = {}
    for phrase in sorted(phrases.values(), key=lambda phrase: (-len(phrase.stems), -phrase.score)):
        by_first.setdefault(phrase.stems[0], []).append(phrase)
    words = frozenset(word for word in chain.from_iterable(named) if len(word) >= _SHORTEST_MISTYPED)
    return _Vocabulary({first: tuple(group) for first, group in by_first.items()}, words)


def _stems(text: str) -> tuple[str, ...]:
    return tuple(word.stem for word in words_of(folded(text).replace("_", " ")))


def _add_unique(
    phrases: dict[tuple[str, ...], _Phrase], others: Iterator[tuple[tuple[str, ...], str]], score: float
) -> None:
    """Adds phrases that belong to one choice alone and are not yet there."""
    choices: dict[tuple[str, ...], set[str]] = {}
    for stems, name in others:
        choices.setdefault(stems, set()).add(name)
    for stems, names in choices.items():
        if len(names) == 1 and stems:
            phrases.setdefault(stems, _Phrase(stems, names.pop(), score))
