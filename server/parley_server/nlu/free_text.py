"""Free text: the words of a message that are the value of a string slot.

What a string slot is about is told by the words of its name, else of its description. A place or the name of a person
or thing is looked for in capitals, behind words that go with it ("to Paris", "by Queen"); a slot named after a time or
a date takes the words of one as they stand. Any slot takes what follows its own name: "the reason is a toothache".
Other text is taken only where it was asked for.

This module must not know what else a message says.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache

from msgspec.structs import replace

from parley_server.core.slots import Candidate, SlotDefinition, SlotType
from parley_server.nlu.clauses import FUNCTION_WORDS, word_set
from parley_server.nlu.values import READERS
from parley_server.nlu.values.counted import is_counted
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import WORD, folded


class About(Enum):
    """What a string slot is about."""

    PLACE = "place"
    NAME = "name"
    KIND = "kind"
    TYPED = "typed"
    ANY = "any"


_PLACE = word_set("""
    city place location area town address destination origin airport station region country state street where
""")
_NAME = word_set("""
    name title artist album song track director directed movie film event restaurant hotel doctor dentist therapist
    stylist salon person recipient performer band starring actor cast author book team property attraction company brand
""")
_KIND = word_set("genre subgenre category subcategory cuisine")
_TOWN = word_set("city town")
_VAGUE = FUNCTION_WORDS | word_set("name city place location area town title address")
_TYPED = {"time": SlotType.TIME, "hour": SlotType.TIME, "date": SlotType.DATE, "day": SlotType.DATE}

_CAPITALIZED = r"(?:(?:[A-Z]\.)+|(?:Dr|Mr|Mrs|Ms|St|Mt|Ft|Inc)\.|[A-Z][\w'\u2019&-]*)"
_CAPITALS = re.compile(
    rf"(?<![\w'])(?:\d+\s+)?{_CAPITALIZED}"
    rf"(?:(?:,?\s+|\s+(?:of|the|de|del|la|and|&|vs\.?)\s+)(?:{_CAPITALIZED}(?![\w'])|#?\d+\b))*"
)
_NO_NAME = word_set("""
    i hi hello hey please yes no ok okay sure thanks thank find book show play search look change actually sorry let
    lets make get tell give reserve schedule perfect great good check number nevermind never mind wait instead rather
    meant mean better maybe
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december am pm
""")
_IN_PLACE = re.compile(r"\b(?:in|near|around|from|into|leaving|towards?|via|through)\s+(?:the\s+)?$")
_TO_PLACE = re.compile(r"\b(?:to|on|for|of|visit|visiting)\s+(?:the\s+)?$")
_WISH = re.compile(r"\b(?:prefer|want|like|need|mean|meant|rather|choose)\s+(?:the\s+)?$", re.IGNORECASE)
_THING = re.compile(r"\s+(?P<thing>[a-z]{3,})")
_NOT_IN_TOWN = re.compile(
    r"\d|\b(?:Airport|Station|Terminal|Street|St|Avenue|Ave|Road|Rd|Hotel|Center|Centre|Mall|Plaza)\b"
)
_LEADS = {
    About.PLACE: re.compile(
        r".*\b(?:in|to|at|near|around|from|into|visit|is|be)\s+(?:the\s+)?", re.IGNORECASE | re.DOTALL
    ),
    About.NAME: re.compile(
        r".*\b(?:by|called|named|is|to|with|see|watch|like|for(?:\s(?:my|our|his|her)\s[a-z]+)?(?=\s[A-Z]))\s+",
        re.IGNORECASE | re.DOTALL,
    ),
}
_PART = re.compile(r"(?:[^,;!?\n.]|\.(?!\s|$))+")
_WORD = r"[^\s,.;!?]+"
_NAME_ENDS = r"(?:in|at|on|for|from|and|but|please|instead)\b"
_NO_LEAD = re.compile(r"")
_SENTENCE_START = re.compile(r"(?:^|[.!?]\s)\s*$")
_EXPLANATION = re.compile(
    r"\s*[,(]\s*(?:like\s(?:the|in|a)\s|as\sin\s|spelled\s|spelt\s|not\s).*$"
    r"|[\s,]+(?:and|but|also)\s(?:i|we|my|our|can|could|there|it|is|please)\b.*$|\s+(?:with\s(?:an?|one|two|double)\s\w{1,2}|(?:that's\s)?(?:spelled|spelt)\s\S.*)$",
    re.IGNORECASE,
)
"""What comes after a name and is none: "Smith, like the blacksmith", "Anne with an e"."""
_OUTER = " \t\r\n.,;:!?\"'`\u201c\u201d\u2018\u2019-"

_OWN, _SURE, _WISHED, _LIKELY, _FAINT = 0.7, 0.6, 0.45, 0.3, 0.15
"""How sure capitals are to be the value: with a word of the slot's in them, behind a preposition of place, behind a
wish, in the midst of a sentence, at its head."""
_FITTING = 0.05
"""What a town is surer to be named by capitals than another place is."""
_SHORT = 3
"""Up to how many words an answer that is a name has."""


class FreeText:
    """Finds the value of one string slot."""

    def __init__(self, definition: SlotDefinition) -> None:
        """Takes the slot's definition."""
        self._definition = definition
        words = WORD.findall(folded(definition.label))
        self._words = frozenset(words + WORD.findall(folded(definition.description))) - _VAGUE
        self._typed = READERS[_TYPED[words[-1]]] if words and words[-1] in _TYPED else None
        self._about = About.TYPED if self._typed else _about(definition)
        self._is_town = not _TOWN.isdisjoint(words)
        self._lead = _LEADS.get(self._about, _NO_LEAD)
        label = r"\s+".join(re.escape(word) for word in words) or r"(?!)"
        short = r"\s+".join(re.escape(word) for word in words[:-1]) or r"(?!)"
        # By a part of its name a slot takes what is a name itself: "the song is great" is none.
        self._labelled = re.compile(
            rf"\b(?i:{label})(?:\s*[:=]|\s+(?:is|are|will\s+be|should\s+be|to))\s+([^,.;!?]+)"
            rf"|\b(?i:{short})\s+(?:is|should\s+be|to)\s+([A-Z][^\s,.;!?]*(?:\s+(?!{_NAME_ENDS}){_WORD})*)"
        )

    def find(self, message: str, reference: Reference) -> Iterator[Candidate]:
        """Finds what may be the value, asked for or not; the score says how sure it is."""
        if self._typed:
            for candidate in self._typed.find(message, self._definition, reference):
                raw = candidate.raw.removeprefix("a ")
                yield replace(candidate, value=raw, raw=raw, start=candidate.end - len(raw))
            return
        labelled = self._labelled.search(message)
        if labelled and message[labelled.end() : labelled.end() + 1] != "?":
            yield from _candidate(message, labelled.start(labelled.lastindex or 1), labelled.end(), 1.0)
        elif self._about is not About.ANY:
            yield from self._names(message)

    def whole(self, message: str, taken: Sequence[Candidate], names: str, reference: Reference) -> Candidate | None:
        """Takes a message as the value that was asked for, though nothing in it looks like one.

        None if other slots' values, and their `names`, are all that it says.
        """
        start, end = _longest_rest(message, taken)
        named = WORD.findall(folded(names))
        words = WORD.findall(folded(message[start:end]))
        said = [word for word in words if word not in named and not _is_common(word) and not is_counted(word)]
        if taken and (not said or self._is_more(said)):
            return None
        if self._about is About.ANY:
            start, end = 0, len(message)
        else:
            start, end = self._own_part(message, start, end, named if taken else ())
        raw = message[start:end].strip()
        value = READERS[SlotType.STRING].parse(raw, self._definition, reference)
        if isinstance(value, Refusal):
            return None
        return Candidate(value=value, raw=raw, start=message.index(raw, start))

    def _own_part(self, message: str, start: int, end: int, others: Sequence[str]) -> tuple[int, int]:
        """Cuts off what stands about a name: other slots' words, a lead, an explanation."""
        if self._about is About.NAME and (explained := _EXPLANATION.search(message, start, end)):
            end = explained.start()
        if others and self._about is About.NAME:
            start, end = _first_saying(message, start, end, others)
        if len(WORD.findall(message)) > _SHORT and (lead := self._lead.match(message, start, end)):
            start = lead.end()
        return start, end

    def _is_more(self, said: Sequence[str]) -> bool:
        """Whether words that stand beside other values are more than the slot's own."""
        if self._about is About.ANY:
            # An author's pattern finds the value where there is one, and the words are not the user's own text.
            return self._definition.extractor is not None
        return len(said) > _SHORT

    def _names(self, message: str) -> Iterator[Candidate]:
        for start, end in _names_in(message):
            likelihood = self._likelihood(message, start, end)
            if likelihood:
                yield from _candidate(message, start, end, likelihood)

    def _likelihood(self, message: str, start: int, end: int) -> float:
        if not self._words.isdisjoint(WORD.findall(folded(message[start:end]))):
            return _OWN
        if self._about is About.KIND:
            thing = _THING.match(message, end)
            return _SURE if thing and thing["thing"] not in FUNCTION_WORDS and " " not in message[start:end] else 0.0
        in_place = _IN_PLACE.search(message, max(0, start - 16), start)
        if self._about is About.PLACE:
            sure = in_place or _TO_PLACE.search(message, max(0, start - 16), start)
            fits = self._is_town and not _NOT_IN_TOWN.search(message, start, end)
            return (_SURE if sure else _LIKELY) + (_FITTING if fits else 0.0)
        if in_place:
            return 0.0
        if _WISH.search(message, max(0, start - 16), start):
            return _WISHED
        single = " " not in message[start:end]
        return _FAINT if single and _SENTENCE_START.search(message, 0, start) else _LIKELY


def _about(definition: SlotDefinition) -> About:
    if not _KIND.isdisjoint(WORD.findall(folded(definition.label))):
        return About.KIND
    for text in (definition.label, definition.description):
        words = WORD.findall(folded(text))
        if not _PLACE.isdisjoint(words):
            return About.PLACE
        if not _NAME.isdisjoint(words):
            return About.NAME
    return About.ANY


@lru_cache(maxsize=8)
def _names_in(message: str) -> Sequence[tuple[int, int]]:
    """Finds where words stand in capitals that are no common words."""
    found = (_without_common_words(message, *match.span()) for match in _CAPITALS.finditer(message))
    return [(start, end) for start, end in found if start < end]


def _longest_rest(message: str, taken: Sequence[Candidate]) -> tuple[int, int]:
    best, at = (0, 0), 0
    for start, end in [*sorted((value.start, value.end) for value in taken), (len(message), len(message))]:
        best = max(best, (at, start), key=lambda part: part[1] - part[0])
        at = max(at, end)
    return best


def _first_saying(message: str, start: int, end: int, named: Sequence[str]) -> tuple[int, int]:
    """Finds the first part between two marks that says something: the name in "it's Lee, my number is"."""
    for part in _PART.finditer(message, start, end):
        words = WORD.findall(folded(part[0]))
        if any(word not in named and not _is_common(word) and not is_counted(word) for word in words):
            return part.span()
    return start, end


def _candidate(message: str, start: int, end: int, score: float) -> Iterator[Candidate]:
    text = message[start:end]
    start += len(text) - len(text.lstrip(_OUTER))
    raw = text.strip(_OUTER)
    if raw:
        yield Candidate(value=raw, raw=raw, start=start, score=score)


def _without_common_words(message: str, start: int, end: int) -> tuple[int, int]:
    """Cuts off what is in capitals only because a sentence begins: "Actually Paris", "Paris I think"."""
    words = [(start + word.start(), start + word.end()) for word in WORD.finditer(message[start:end])]
    while words and _is_common(message[slice(*words[0])]):
        del words[0]
    while words and _is_common(message[slice(*words[-1])]):
        del words[-1]
    return (words[0][0], words[-1][1]) if words else (end, end)


def _is_common(word: str) -> bool:
    plain = folded(word).replace("'", "")
    return plain in FUNCTION_WORDS or plain in _NO_NAME
