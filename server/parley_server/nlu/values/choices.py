"""Reads one of a slot's choices: slots of the type choice.

A choice is recognised by its name, its synonyms, everyday synonyms of them, a word of it that no other choice has, and
through small typing errors. This module must not know what the choices are about: it compares words.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace
from rapidfuzz.distance import OSA

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.choice_words import MISTYPED, NAMED, Phrase, Vocabulary, most_errors, vocabulary_of
from parley_server.nlu.values.common_words import COMMON_WORDS
from parley_server.nlu.values.counted import IMPLIED
from parley_server.nlu.values.numbers import NumberReader
from parley_server.nlu.values.numerals import ORDINALS, SMALL
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import WORD, context_stems, folded, name_stems, singular, stem

_NEGATED = re.compile(
    r"\b(?:not|no|non|without|except|instead\sof|rather\sthan|other\sthan|but\snot)[\s-](?:an?\s|the\s)?$"
)
_ASKED = re.compile(r"\b(?:is|are|does|do)\s(?:it|they|this|that|the\s\w+)\s$")
"""Begins a question about a thing, which says nothing of what the user wants: "is the restaurant expensive?"."""
_WITHOUT = re.compile(r"\b(?:no|without(?:\sany)?|(?:don't|do\snot|not)\s(?:need|want)(?:\sany)?)\s([a-z]+)\b")
_PICK = re.compile(
    r"\W*(?:i(?:'ll| will)\s(?:take|have)\s|let's\sgo\swith\s)?(?:(?:the|option|number|choice|no\.?)\s|#)*"
    rf"(?P<pick>last|\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join((*ORDINALS, *SMALL))})"
    r"(?:\s(?:one|option|choice))?(?:,?\splease)?\W*"
)
_REACH = 40
"""How many characters before a choice are looked at."""
_WHOLE_NUMBERS = NumberReader(whole=True)


class ChoiceReader:
    """Reads one of the definition's choices."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads words that mean one choice alone, or its place in the list: "the second one", "2"."""
        names = [choice.name for choice in definition.choices]
        reason = f"Please choose one of these: {', '.join(names)}."
        if not isinstance(words, str):
            return Refusal(reason)
        found = self.find(words, definition, reference)
        best = max((candidate.score for candidate in found), default=0.0)
        values = {str(candidate.value) for candidate in found if candidate.score == best}
        if len(values) == 1:
            return values.pop()
        pick = _PICK.fullmatch(folded(words))
        if pick and not values:
            return _picked(pick["pick"], names) or Refusal(reason, words.strip())
        return Refusal(reason, words.strip() if values else "")

    def find(self, message: str, definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds every choice that is named; those that are less surely meant only where none is named outright."""
        vocabulary = vocabulary_of(definition)
        text = folded(message)
        found: list[Candidate] = []
        if vocabulary.numbers:
            found += _numbers(message, definition, reference, vocabulary.numbers)
        if vocabulary.none:
            found += _none(text, message, definition, vocabulary.none)
        words = [singular(word) for word in WORD.findall(text)]
        if not any(word in vocabulary.phrases or (word[0], len(word)) in vocabulary.near for word in words):
            return found
        places = list(WORD.finditer(text))
        found += [_candidate(phrase, message, span) for phrase, span in _phrases(text, places, words, vocabulary)]
        named = [candidate for candidate in found if candidate.score == NAMED]
        if named:
            return named
        own = context_stems(definition)
        corrected = [word if stem(word) in own else _corrected(word, vocabulary) for word in words]
        if corrected != words:
            mistyped = [
                _candidate(replace(phrase, score=MISTYPED), message, span)
                for phrase, span in _phrases(text, places, corrected, vocabulary)
                if phrase.score == NAMED
            ]
            return mistyped or found
        return found


def _picked(pick: str, names: Sequence[str]) -> str | None:
    digits = pick.rstrip("stndrh")
    place = len(names) if pick == "last" else int(digits) if digits.isdigit() else ORDINALS.get(pick) or SMALL[pick]
    return names[place - 1] if 0 < place <= len(names) else None


def _candidate(phrase: Phrase, message: str, span: slice) -> Candidate:
    return Candidate(value=phrase.choice, raw=message[span], start=span.start, score=phrase.score)


def _numbers(
    message: str, definition: SlotDefinition, reference: Reference, names: Collection[str]
) -> Iterator[Candidate]:
    """Finds the choices that are numbers: "2" is one where the message counts two of what the slot is about."""
    for candidate in _WHOLE_NUMBERS.find(message, definition, reference):
        value = str(candidate.value)
        if value in names and candidate.score > IMPLIED:
            yield replace(candidate, value=value)


def _none(text: str, message: str, definition: SlotDefinition, none: str) -> Iterator[Candidate]:
    """Finds the choice of none: "no subtitles" for the language of subtitles."""
    for match in _WITHOUT.finditer(text):
        if stem(match[1]) in name_stems(definition):
            yield Candidate(value=none, raw=message[slice(*match.span())], start=match.start())


def _phrases(
    text: str, places: Sequence[re.Match[str]], words: Sequence[str], vocabulary: Vocabulary
) -> Iterator[tuple[Phrase, slice]]:
    """Finds the phrases that the words of a folded text are meant by, none overlapping another."""
    at = 0
    while at < len(words):
        phrase = _phrase_at(words, at, vocabulary)
        if phrase is None:
            at += 1
            continue
        start, end = places[at].start(), places[at + len(phrase.words) - 1].end()
        at += len(phrase.words)
        if not _NEGATED.search(text, max(0, start - _REACH), start) and not _ASKED.search(
            text, max(0, start - _REACH), start
        ):
            yield phrase, slice(start, end)


def _phrase_at(words: Sequence[str], at: int, vocabulary: Vocabulary) -> Phrase | None:
    for phrase in vocabulary.phrases.get(words[at], ()):
        if tuple(words[at : at + len(phrase.words)]) == phrase.words:
            return phrase
    return None


def _corrected(word: str, vocabulary: Vocabulary) -> str:
    """Puts a known word in place of one that was mistyped; the first letter must be right.

    A word that is itself a common one was not mistyped.
    """
    near = vocabulary.near.get((word[0], len(word)), ())
    if not near or word in vocabulary.long_words or word in COMMON_WORDS:
        return word
    errors, other = min((OSA.distance(word, other), other) for other in near)
    return other if errors <= most_errors(other) else word
