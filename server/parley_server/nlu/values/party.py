"""Who comes, told one by one: "me, my wife and our two sons" are four, "3 adults and 2 children" are five.

This module must not know slots.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from parley_server.nlu.values.numerals import SMALL

_ADULT = (
    "adult|grown-?up|parent|grandparent|mom|mum|mother|dad|father|wife|husband|spouse|partner|girlfriend|boyfriend|"
    "fianc[eé]e?|grandma|grandmother|grandpa|grandfather|aunt|uncle|friend|colleague|coworker|boss|brother|sister|senior"
)
_CHILD = "children|child|kid|son|daughter|baby|babies|toddler|infant|teenager|teen|boy|girl|grandson|granddaughter"
_PAIRS = frozenset(["parents", "grandparents"])
"""Those of whom one has two."""
_SEVERAL = frozenset(["children", "babies"])
_KINDS = frozenset(["adult", "parent", "child", "kid"])
"""Those that are nobody without a word before them: "dad" is one."""
_COUNTS = {word: value for word, value in SMALL.items() if value > 0}
_NOUN = rf"(?:(?:{_ADULT}|{_CHILD})s?)\b"
_MEMBER = (
    rf"(?:\b(?:me|myself|i)\b|(?:\b(?:my|our|the|his|her)\s)?(?:\b(?:\d{{1,3}}|{'|'.join(_COUNTS)}|an?)\s)?"
    rf"(?:(?:little|small|young|other|best|older|younger|old)\s)?\b{_NOUN})"
)
_NEXT = r"\s?(?:,\s?(?:and\s)?|\+|&|\b(?:and|plus|with|as\swell\sas|along\swith)\b)\s?(?:also\s)?"
_PARTY = re.compile(rf"{_MEMBER}(?:{_NEXT}{_MEMBER})+")
_ONE = re.compile(_MEMBER)
_PARTS = re.compile(
    rf"(?P<whose>(?:my|our|the|his|her)\s)?(?:(?P<count>\d+|{'|'.join(_COUNTS)}|an?)\s)?(?:\w+\s)?(?P<noun>{_NOUN})"
)
_IS_CHILD = re.compile(rf"(?:{_CHILD})s?")
_GATE = re.compile(rf"(?:{_ADULT}|{_CHILD})")


@dataclass(frozen=True, slots=True)
class Member:
    """One of a party, or several who are named together."""

    count: int
    is_child: bool
    start: int
    end: int


@lru_cache(maxsize=8)
def party_in(text: str) -> Sequence[Member]:
    """Finds the members of a party in a folded text; empty if it names none, or does not tell how many they are."""
    found = _PARTY.search(text) if _GATE.search(text) else None
    if found is None:
        return ()
    members = [_member(match) for match in _ONE.finditer(text, found.start(), found.end())]
    known = [member for member in members if member]
    return known if len(known) == len(members) else ()


def _member(match: re.Match[str]) -> Member | None:
    parts = _PARTS.fullmatch(match[0])
    if parts is None:
        return Member(1, is_child=False, start=match.start(), end=match.end())
    noun, told = parts["noun"], parts["count"] or ""
    if told.isdecimal():
        count = int(told)
    elif noun in _PAIRS and not told:
        count = 2
    elif told or (noun not in _SEVERAL and not noun.endswith("s") and (parts["whose"] or noun not in _KINDS)):
        count = _COUNTS.get(told, 1)
    else:
        return None
    return Member(count, is_child=_IS_CHILD.fullmatch(noun) is not None, start=match.start(), end=match.end())
