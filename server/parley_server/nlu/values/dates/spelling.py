"""Names of days and months that were mistyped: "wensday", "tomorow", "febuary".

This module must not know what a name means.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from parley_server.nlu.clauses import word_set
from parley_server.nlu.values.common_words import COMMON_WORDS

_LONG = word_set("wednesday thursday saturday february september november december tomorrow")
"""Of these, two letters may be wrong."""
_NAMES = _LONG | word_set("monday tuesday friday sunday january august october")
_OTHER = COMMON_WORDS | _NAMES | word_set("sundae sundaes augusta saturdays")
_WORD = re.compile(r"[a-z]{5,11}")


@dataclass(frozen=True, slots=True)
class Spelled:
    """A text with the names put right, and where they stood."""

    text: str
    moves: Sequence[tuple[int, int]]
    """Where a name ends in the text, and by how much shorter or longer it was before, in order."""

    def place(self, at: int) -> int:
        """Returns where a place of the text, at the edge of a word, was before."""
        return at + sum(growth for end, growth in self.moves if end <= at)


def spelled(text: str) -> Spelled | None:
    """Puts names in a folded text right; None if none was mistyped."""
    parts: list[str] = []
    moves: list[tuple[int, int]] = []
    last = length = 0
    for match in _WORD.finditer(text):
        name = _name_for(match[0])
        if name:
            parts += [text[last : match.start()], name]
            length += match.start() - last + len(name)
            moves.append((length, len(match[0]) - len(name)))
            last = match.end()
    return Spelled("".join([*parts, text[last:]]), moves) if moves else None


@lru_cache(maxsize=4096)
def _name_for(word: str) -> str:
    """Returns the name that a word was meant to be; the first letter and the last must be right. Empty: none."""
    if word in _OTHER or word.endswith("days"):
        return ""
    near = [name for name in _NAMES if name[0] == word[0] and name[-1] == word[-1] and len(name) - len(word) < 3]
    errors, best = min(((OSA.distance(word, name), name) for name in near), default=(9, ""))
    return best if errors <= (2 if best in _LONG else 1) else ""
