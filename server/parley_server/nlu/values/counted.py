"""What numbers in a conversation commonly count, so that "2 adults" is never read as two rooms.

This module must not know how a numeral is read.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import takewhile

from parley_server.core.slots import SlotDefinition
from parley_server.nlu.clauses import word_set
from parley_server.nlu.values.numerals import SMALL, TENS
from parley_server.nlu.values.party import party_in
from parley_server.nlu.values.words import WORD, name_stems, stem, stems_of

UNFIT = 0.1
"""How well a numeral fits a slot when it counts something else."""
UNTOLD = 0.5
"""How well a numeral fits a slot when it counts nothing that is named."""
_STRANGE = 0.35
"""How well a numeral fits a slot of which nothing is known, when it counts what is commonly counted."""
IMPLIED = 0.4
"""How well a thing that is named with no number, such as "a room", fits a slot that counts such things."""

_KINDS: Mapping[str, str] = {
    "adult": "adult grownup parent mom mum mother dad father wife husband senior",
    "child": "child children kid toddler baby infant son daughter teen teenager minor boy girl",
    "person": (
        "person people guest traveler traveller passenger couple diner us friend member family party attendee man "
        "woman men women individual head pax rider visitor group"
    ),
    "room": "room bedroom bed suite",
    "bath": "bath bathroom",
    "seat": "seat ticket",
    "day": "day night week month weekend fortnight stay",
    "hour": "hour minute second hr hrs min mins sec",
    "year": "year yr yo",
    "money": "dollar buck euro pound cent money amount price cost fee usd eur gbp rupee yen payment quid balance grand",
    "star": "star rating rate score",
    "percent": "percent",
    "distance": "mile kilometer kilometre meter metre km foot feet inch",
    "weight": "kg kilogram kilo gram lb ton tonne ounce",
}
_KIND_OF: Mapping[str, str] = {stem(word): kind for kind, words in _KINDS.items() for word in words.split()}
_FITTING: Mapping[tuple[str, str], float] = {
    **dict.fromkeys((
        ("person", "adult"), ("person", "seat"), ("seat", "person"), ("seat", "adult"), ("adult", "person"),
        ("year", "day"), ("star", "percent"), ("hour", "day"),
    ), 0.6),
    ("person", "child"): 0.45,
}  # fmt: skip
"""(what the slot counts, what the words count): different words, and yet the words may mean the slot. Of "5, two kids"
it is rather the number that counts nothing else."""

_SIGNS: Mapping[str, str] = {"$": "money", "€": "money", "£": "money", "¥": "money", "₹": "money", "%": "percent"}
_BEFORE = re.compile(r"([$€£¥₹#])\s*$|\b(at|rated|age|aged)\s+$")
_AFTER = re.compile(r"\s*([$€£¥₹%])")
_LEAD_KINDS: Mapping[str, str] = {"at": "clock", "rated": "star", "age": "year", "aged": "year", "#": "label"}
_UNNUMBERED = re.compile(r"\b(?:(?P<none>no)|an?|my|our|another)\s(?=(?P<words>[a-z-]+(?:\s[a-z-]+){0,2}))")
_PHRASE_ENDS = word_set("a an the and or of for with without in at on to from is are my our")
_NONE_OF = re.compile(r"\b(?:no|without(?:\sany)?)\s(?=(?P<words>[a-z]+(?:\s[a-z]+){0,2})\b)")
_COMPANY = re.compile(
    r"\b(?P<alone>(?:just|only)\s(?:for\s)?(?:me|myself)(?!\sand\b)|by\smyself|on\smy\sown)\b"
    r"|\bboth\sof\sus\b"
)
_PART = re.compile(
    r"\s(?:(?P<of>of\s(?:them|whom|which|those|these))(?:\s(?:is|are|being|will\sbe))?|is|are)\s(?:an?\s)?"
)
"""Stands between the number of a part and what the part is: "2 of them children", "one is a baby"."""
_ONE_OF_US = re.compile(r"\s(?P<of>of\sus)\s(?:is|has|will)\b")
_CHANGE = re.compile(r"\s(?:more|extra|additional|fewer|less|too\s(?:many|few|much))\b")
"""Makes a number a change of the one that is known."""
_NUMERIC = frozenset(map(stem, ("integer", "float", "number", "value", "quantity", "count", "total", "size", "age")))
"""Words of a slot's name that say nothing of what it counts."""
_COUNTABLE = frozenset({"adult", "child", "room", "bath", "seat"})
_REACH = 40
"""How many characters around a numeral are looked at."""
_WHO = frozenset(["person", "adult"])
_GROUP = re.compile(r"\b(?:party|group|family|company|total)\sof\s+$|\bthere\s(?:will\sbe|are)\s+$")
_LITTLE = frozenset(["little", "small", "young", "smaller"])
_BREAK = re.compile(
    r"[,.;:!?()]|\b(?:and|or|for|from|to|on|in|at|with|per|by|the|that|please|i|we|this|next|last|every|each|today|tonight"
    r"|tomorrow|instead)\b|\d|(?<![a-z-])(?:" + "|".join((*SMALL, *TENS)) + r")\b"
)


@lru_cache(maxsize=1024)
def _kinds(name: str, description: str) -> frozenset[str]:
    """Returns the kinds of things that a slot counts, by its name, else by its description; empty: unknown."""
    named = frozenset(_KIND_OF[word] for word in stems_of(name) if word in _KIND_OF)
    return named or frozenset(_KIND_OF[word] for word in stems_of(description) if word in _KIND_OF)


def fit(message: str, start: int, end: int, definition: SlotDefinition) -> float:
    """Says how well what the numeral at a place of a folded message counts fits the slot, from 0 to 1.

    1: it names the slot's own thing. `UNTOLD`: it names none. `UNFIT`: it names another one.
    """
    lead = _BEFORE.search(message, max(0, start - 12), start)
    after = _AFTER.match(message, end)
    part = _PART.match(message, end) or (_ONE_OF_US.match(message, end) if message[start:end] in {"one", "1"} else None)
    counted = _counted_words(message, part.end() if part else end)
    kind = _SIGNS.get(after[1]) if after else None
    if lead:
        kind = _SIGNS.get(lead[1]) if lead[1] in _SIGNS else kind or _LEAD_KINDS.get(lead[1] or lead[2])
    wanted = name_stems(definition)
    if _CHANGE.match(message, end) or (message[end : end + 1] == "-" and counted and counted[0] not in wanted):
        # "One more" tells no number, and a "two-bedroom room" is one room.
        return UNFIT
    if any(word in wanted for word in counted):
        return 1.0
    if kind is None or kind == "clock":
        kind = next((_KIND_OF[word] for word in counted if word in _KIND_OF), kind)
        if kind in {"person", "adult"} and counted[0] in _LITTLE:
            kind = "child"
    kinds = _kinds(definition.name, definition.description)
    if part and part["of"] and kind is None:
        return UNFIT if kinds & _WHO else UNTOLD
    if kind is None and _named_before(message, start, wanted):
        return 1.0
    if kind is None and _GROUP.search(message, max(0, start - _REACH), start):
        kind = "person"
    if kind not in {None, "clock"} and not kinds:
        return UNTOLD if _NUMERIC.issuperset(wanted) else _STRANGE
    return _fit_of(kind, kinds)


def together(message: str, definition: SlotDefinition) -> tuple[int, slice, slice] | None:
    """Counts those of a folded message who are told one by one, if the slot counts such people.

    Returns:
        How many they are, the words of the first, and the words of all; None if none are told so.
    """
    kinds = _kinds(definition.name, definition.description) & {*_WHO, "child"}
    members = party_in(message) if kinds else ()
    if not members:
        return None
    whole = slice(members[0].start, members[-1].end)
    meant = [m for m in members if "person" in kinds or (m.is_child if "child" in kinds else not m.is_child)]
    told = len(meant) > 1 and ("person" not in kinds or not all(member.is_child for member in meant))
    return (sum(member.count for member in meant), slice(meant[0].start, meant[0].end), whole) if told else None


def is_counted(word: str) -> bool:
    """Whether a lower-case word names what numbers commonly count, such as "euros"."""
    return stem(word) in _KIND_OF


def implied(message: str, definition: SlotDefinition) -> tuple[int, slice, float] | None:
    """Finds how many of the slot's things a folded message means without a numeral: "a room", "no kids", "just me".

    Returns:
        The number, the words, and how well it fits; None if there is none.
    """
    kinds = _kinds(definition.name, definition.description)
    company = _COMPANY.search(message) if "person" in kinds else None
    if company:
        return (1 if company["alone"] else 2), slice(*company.span()), IMPLIED
    own = name_stems(definition)
    for match in _NONE_OF.finditer(message) if own else ():
        if {*own} <= {stem(word) for word in _noun_phrase(match["words"])}:
            return 0, slice(match.start(), match.end("words")), UNTOLD
    wanted = kinds & _COUNTABLE
    for match in _UNNUMBERED.finditer(message) if wanted else ():
        noun = next((word for word in _noun_phrase(match["words"]) if _KIND_OF.get(stem(word)) in wanted), None)
        if noun:
            end = message.index(noun, match.end()) + len(noun)
            return (0 if match["none"] else 1), slice(match.start(), end), IMPLIED
    return None


def _noun_phrase(words: str) -> Iterator[str]:
    return takewhile(lambda word: word not in _PHRASE_ENDS, words.split())


def _fit_of(kind: str | None, wanted: frozenset[str]) -> float:
    if kind is None:
        return UNTOLD
    if kind in wanted:
        return 0.9
    return max((_FITTING.get((slot, kind), UNFIT) for slot in wanted), default=UNFIT)


def _counted_words(message: str, end: int) -> list[str]:
    """Returns the stems of the next few words, up to where the phrase ends: "3 single [rooms]"."""
    stop = _BREAK.search(message, end, end + _REACH)
    return [stem(match[0]) for match in WORD.finditer(message, end, stop.start() if stop else end + _REACH)][:3]


def _named_before(message: str, start: int, wanted: tuple[str, ...]) -> bool:
    """Whether the words right before name the slot: "party of six", "rooms: 2"."""
    words = [stem(match[0]) for match in WORD.finditer(message, max(0, start - _REACH), start)]
    return any(word in wanted for word in words[-2:])
