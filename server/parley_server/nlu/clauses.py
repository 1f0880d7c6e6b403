"""The clauses of a message, in a form in which phrases can be compared word by word.

This module must not know what any phrase means.
"""

import re
from collections.abc import Iterable

import msgspec


def word_set(words: str) -> frozenset[str]:
    """Makes a table of words out of words with spaces between them."""
    return frozenset(words.split())


FUNCTION_WORDS = word_set("""
    a an the i me my mine we us our you your he she it its they them their this that these those is am are was were be
    been being do does did doing have has had having will would shall should can could may might must to of in on at
    for with by from as into about up down out and or but if so than then there here what which who whom when where
    why how not no please just also too very some any all want need like id im ive ill whats lets get got let make
    made take give go going know see tell say good great fine nice sounds sound ok okay yes yeah sure right well now one
""")
"""Words that a message has whatever it is about, without apostrophes."""

_CLAUSE = re.compile(r"((?:[^.!?;,:\n-]++|(?<=\d)[.:,](?=\d)|(?<=\w)-(?=\w))+)([.!?;,:\n-]*)")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_AS_WORDS = str.maketrans({
    **dict.fromkeys("'\u2019\u2018\u02bc`", ""),
    **dict.fromkeys("\u2010\u2011\u2012\u2013", "-"),
    **dict.fromkeys("\u2014\u2015\u2026", ";"),
    **dict.fromkeys("\U0001f44c\U0001f44d\u2705\u2714", " yes "),
    **dict.fromkeys("\U0001f44e\u274c\U0001f645", " no "),
})  # fmt: skip
"""How signs are read: a thumb that points up is a yes, a long dash ends a clause."""

_OPENING = (
    "oh|ah|um+|uh+|er|erm|hm+|mm+|well|so|and|then|hey|hi|hello|also|just|look|listen|thanks|thank you|"
    "actually|excuse me|sorry|(?:im|i am) (?:so |very )?sorry|wait|hold on|oops|"
    "i (?:think|guess|suppose|believe)"
)
_CLOSING = (
    "please|pls|plz|thx|cheers|(?:thanks|thank you)(?: (?:very|so) much| a lot| again)?|then|indeed|though|anyway|"
    "sir|madam|maam|man|mate|dear|friend|buddy|i (?:think|guess|suppose|believe)"
)
_OPENED = re.compile(rf"(?:(?:{_OPENING})(?: |$))+")
_CLOSED = re.compile(rf"(?<=\S)(?: (?:{_CLOSING})){{1,20}}$")
"""Bounded, for a search through "please please please …" would take the square of its length."""


class Clause(msgspec.Struct, frozen=True):
    """A part of a message between two marks."""

    words: str
    """Lower case, without apostrophes, joined by single spaces: `i dont want that`."""
    core: str
    """The words without what only opens or closes a clause: "um", "please", "thank you". May be empty."""
    is_question: bool


def clauses_of(message: str) -> list[Clause]:
    """Splits a message at its punctuation. A mark inside a number, a time or a word splits nothing."""
    found = []
    for text, marks in _CLAUSE.findall(message.lower().translate(_AS_WORDS)):
        words = " ".join(_WORD.findall(text))
        if words:
            core = _CLOSED.sub("", words)
            opened = _OPENED.match(core)
            found.append(Clause(words, core[opened.end() :] if opened else core, "?" in marks))
    return found


def phrases(alternatives: Iterable[str]) -> re.Pattern[str]:
    """Compiles a table of phrases, each a pattern of whole words, into a pattern that finds any of them.

    On the words of a clause, `fullmatch` asks whether it is nothing else, `match` whether it begins so, and `search`
    whether it has one.
    """
    return re.compile(rf"(?<!\S)(?:{'|'.join(alternatives)})(?!\S)")
