"""Reads yes and no: slots of the type boolean.

Asked, a yes or no is the value. Unasked, the slot's own words are looked for: "a hotel with parking" for `has_parking`.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.core.understanding import Answer
from parley_server.nlu.answers import answer_of
from parley_server.nlu.clauses import clauses_of, word_set
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded, name_stems, stem

_REFUSAL = Refusal("Please answer yes or no.")
_VOLUNTEERED = 0.8
"""The score of a value that is told by the slot's name alone."""

_DENIED = re.compile(
    r"\b(?:no|not|non|without|never|[a-z]+n't|dont|doesnt|cannot|avoid|hate|exclude|skip)\b(?:[\s-]+\w+){0,3}[\s-]*$"
)
_CLAUSE = re.compile(r"[.,;:!?]|\b(?:but|and)\b")
_ASKED = re.compile(
    r"\b(?:(?:does|do|is|are|has|have|was)\s(?:it|they|this|that|these|the)|(?:if|whether)\s(?:it|they|this|that|the|there))\b"
    r"[^.!?]*$"
)
"""Begins a question about a thing, which says nothing of what the user wants: "does the hotel have parking?"."""
_ALSO = {"reserv": ("book",), "buy": ("purchas", "order"), "rent": ("hire",), "book": ("reserv",)}
"""Other words for those of a slot's name."""
_LITTLE_SAID = frozenset(
    stem(word)
    for word in word_set(
        "allow allowed available accept good offer option provide serve service include unit next adequate friendly is "
        "has want need hotel flight restaurant place property room car trip event movie song ride entry"
    )
)
"""Words of a slot's name that say nothing on their own, since the whole conversation is about them."""


class BooleanReader:
    """Reads yes and no."""

    def parse(self, words: object, _definition: SlotDefinition, _reference: Reference) -> SlotValue | Refusal:
        """Reads true or false, or words that answer a question with yes or no."""
        if isinstance(words, bool):
            return words
        if not isinstance(words, str):
            return _REFUSAL
        answer = answer_of(clauses_of(words), asked=True)
        return answer is Answer.YES if answer else _REFUSAL

    def find(self, message: str, definition: SlotDefinition, _reference: Reference) -> Sequence[Candidate]:
        """Finds the slot's own words; "no", "without" and the like before them make the value false."""
        own = tuple(word for word in name_stems(definition) if word not in _LITTLE_SAID)
        wanted = own + tuple(other for word in own for other in _ALSO.get(word, ()))
        if not wanted:
            return ()
        text = folded(message)
        named = next((match for match in _mentions(wanted).finditer(text) if _names(match[0], wanted)), None)
        if named is None or _ASKED.search(text, 0, named.start()):
            return ()
        start, end = named.span()
        clause = max((match.end() for match in _CLAUSE.finditer(text, 0, start)), default=0)
        value = _DENIED.search(text, clause, start) is None
        return (Candidate(value=value, raw=message[start:end], start=start, score=_VOLUNTEERED),)


@lru_cache(maxsize=1024)
def _mentions(wanted: tuple[str, ...]) -> re.Pattern[str]:
    """Makes the pattern of the words that may name the slot: they begin alike, with or without a hyphen ("wi-fi")."""
    beginnings = (word[:-1] if len(word) > 4 else word for word in wanted)
    return re.compile(rf"\b(?:{'|'.join('-?'.join(map(re.escape, beginning)) for beginning in beginnings)})[\w']*")


def _names(word: str, wanted: tuple[str, ...]) -> bool:
    found = stem(word.replace("-", ""))
    return any(found == other or (len(other) > 5 and found.startswith(other[:-1])) for other in wanted)
