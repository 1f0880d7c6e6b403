"""Words of a message and of a slot's definition, brought to a form in which they can be compared.

This module must not know any slot type.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from parley_server.core.slots import SlotDefinition
from parley_server.nlu.clauses import word_set

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

STOP_WORDS = word_set(
    "a an and any are as at be boolean by can date do flag for from has have i if in is it its me mentioned my no not "
    "number of on or our sentence should slot that the their there they this time to value want wants was we what "
    "whether which will with would you your specific user"
)

_PLURALS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", ""))
_VERB_ENDINGS = ("ing", "ed")


class Word(NamedTuple):
    """A word of a message. There are many, and a tuple is made in half the time of a dataclass."""

    stem: str
    start: int


_MARKS = str.maketrans({
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
    "\u2026": ".",
    **{chr(full): chr(full - 0xFEE0) for full in range(0xFF01, 0xFF5F)},
})  # fmt: skip


def straight(message: str) -> str:
    """Returns the message with the marks of a keyboard in place of a printer's, every character still at its place."""
    return message if message.isascii() else message.translate(_MARKS)


@lru_cache(maxsize=8)
def folded(message: str) -> str:
    """Returns the message in lower case, with the marks of a keyboard, every character still at its place."""
    lower = message.lower()
    if len(lower) != len(message):
        lower = "".join(low if len(low := char.lower()) == 1 else char for char in message)
    return straight(lower)


@lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """Cuts the ending of the plural or the possessive off a lower-case English noun."""
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) > 3 and not word.endswith(("ss", "us", "is")):
        word = next((word[: -len(old)] + new for old, new in _PLURALS if word.endswith(old)), word)
    return word


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Cuts the ending off a lower-case English word, so that `sharing`, `shares` and `shared` are one."""
    word = singular(word)
    ending = next((ending for ending in _VERB_ENDINGS if word.endswith(ending) and len(word) > len(ending) + 2), "")
    if ending:
        word = word[: -len(ending)]
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def words_of(text: str) -> list[Word]:
    """Splits a folded text into its words."""
    return [Word(stem(match[0]), match.start()) for match in WORD.finditer(text)]


@lru_cache(maxsize=1024)
def stems_of(text: str) -> tuple[str, ...]:
    """Returns the stems of the words of a text that say something, in order, each once."""
    words = WORD.findall(folded(text).replace("_", " "))
    return tuple(dict.fromkeys(stem(word) for word in words if word not in STOP_WORDS))


def name_stems(definition: SlotDefinition) -> tuple[str, ...]:
    """Returns the stems of the words of a slot's name."""
    return stems_of(definition.name)


def context_stems(definition: SlotDefinition) -> frozenset[str]:
    """Returns the stems of the words of a slot's name and description."""
    return frozenset(stems_of(definition.name) + stems_of(definition.description))
