"""Finding: the values that a message has for a set of slots, asked for or not.

This module must not know intents or commands.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from itertools import islice

import msgspec
from msgspec.structs import replace

from parley_server.core.slots import Candidate, Rejection, SlotDefinition, SlotType, SlotValue
from parley_server.core.understanding import Situation
from parley_server.nlu.assignment import Offer, Reach, assign
from parley_server.nlu.clauses import clauses_of
from parley_server.nlu.corrections import is_denied, is_inquiry
from parley_server.nlu.free_text import FreeText
from parley_server.nlu.slot_words import SlotWords, Spoken
from parley_server.nlu.values import READERS
from parley_server.nlu.values.counted import IMPLIED, UNTOLD, fit
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.readers import LONGEST_SEARCH
from parley_server.nlu.values.shifts import Shift, changes_in, shifts_in
from parley_server.nlu.values.words import folded, straight

_NEAR = 0.5
"""How near a slot's words must stand to a value to change the slot unasked."""
_CERTAIN = 0.4
"""How sure a value must be, the nearness of its slot's words included, to be taken unasked."""
_BY_CHANCE = 0.3
"""Below this a value is meant for something else, even where the slot was asked for."""

_NOT_LITERAL = 0.1
"""What a choice loses for being named by other words than its own: "check my savings" is about savings."""

_SIGNS: Mapping[SlotType, re.Pattern[str]] = {SlotType.EMAIL: re.compile("@"), SlotType.DATE: re.compile(r"\d")}
"""What a value of a type that was not asked for must have before it is worth refusing."""
_ATTEMPTS: Mapping[SlotType, re.Pattern[str]] = {
    SlotType.EMAIL: re.compile(r"(?i:[^?]*\bat\b[^?]*)"),
    **dict.fromkeys((SlotType.PHONE, SlotType.DATE, SlotType.TIME), re.compile(r"\D{0,20}\d[^?]*")),
    **dict.fromkeys((SlotType.INTEGER, SlotType.FLOAT), re.compile(r"[^?]*\d[^?]*")),
}
"""What a short message that was asked for looks like when it tries to be a value of a type."""
_UNCERTAIN = frozenset({SlotType.STRING, SlotType.INTEGER, SlotType.FLOAT, SlotType.BOOLEAN})
"""The types whose values may be anything else where they stand alone."""
_MOVED = frozenset({SlotType.DATE, SlotType.TIME, SlotType.INTEGER})
"""The types whose value may be given by how far it is from the one that is known."""
_OF_ANY_WORDS = frozenset({SlotType.STRING, SlotType.BOOLEAN})
"""The types whose value, where it was asked for, is told by the message as a whole."""
_MOST = 20
"""How many values of a message are looked at for one slot: nobody says more, and the time stays bounded."""
_SHORT = 4
"""How many words an attempt has at the most."""
_COUNTS_ALONE = re.compile(r"\b(?:just|only|be|is|it's|that's|of|seats?|table|reservation|booking)\s+(?:for\s+)?$")
"""What stands before a lone "one" that counts something; in "search for one" it counts nothing."""


class Findings(msgspec.Struct, frozen=True):
    """What was found for the slots in a message."""

    slots: Mapping[str, Candidate]
    rejected: tuple[Rejection, ...]
    private: tuple[str, ...] = ()
    """See `Understanding`."""


class _Heard(msgspec.Struct, frozen=True):
    """A message, and what it is read in the light of."""

    message: str
    spoken: Spoken
    situation: Situation
    reference: Reference
    revising: bool

    def is_open(self, slot: str) -> bool:
        """Whether the slot is waiting for a value."""
        return slot == self.situation.requested or slot not in self.situation.filled


class SlotFinder:
    """Finds the values of a set of slots. What depends on the definitions alone is made once."""

    def __init__(self, definitions: Sequence[SlotDefinition]) -> None:
        """Takes the definitions of every slot that a message may fill."""
        self.words = SlotWords(definitions)
        self.values = " ".join(word for d in definitions for c in d.choices for word in (c.name, *c.synonyms))
        """The words of all choices."""
        # Of two slots of one type, a lone value is rather a start than an end: "a car from the 5th" says no more.
        self._definitions = sorted(definitions, key=lambda definition: self.words.is_end(definition.name))
        shown = {definition.type for definition in definitions if not definition.sensitive}
        self._private = frozenset(d.name for d in definitions if d.sensitive and d.type not in shown)
        self._refused = [d for d in self._definitions if d.type not in _OF_ANY_WORDS]
        """Those a value of which may be refused."""
        self._free_texts = {d.name: FreeText(d) for d in definitions if d.type is SlotType.STRING}
        self._counts = {d.name: counts for d in definitions if (counts := _counts_of(d))}

    def find(self, message: str, situation: Situation, *, revising: bool) -> Findings:
        """Finds at most one value for each slot, and what was meant as one and is none.

        Args:
            message: The message.
            situation: What it is read in the light of.
            revising: Whether it has words of correction.
        """
        if not self._definitions:
            return Findings(slots={}, rejected=())
        heard = _Heard(message, Spoken(message), situation, _reference(situation), revising)
        offers = list(self._offers(heard))
        found = assign(offers, heard.spoken.message, last=revising)
        private = tuple(offer.candidate.raw for offer in offers if offer.slot in self._private)
        return Findings(found, tuple(self._rejections(heard, found)), private)

    def whole(self, slot: str, message: str, taken: Mapping[str, Candidate], situation: Situation) -> Candidate | None:
        """Takes a message as the free text of a string slot; None if it says nothing besides what is taken."""
        known = [definition for definition in self._definitions if definition.name in taken]
        names = " ".join(f"{definition.label} {definition.type}" for definition in known)
        return self._free_texts[slot].whole(message, tuple(taken.values()), names, _reference(situation))

    def _offers(self, heard: _Heard) -> Iterator[Offer]:
        for place, definition in enumerate(self._definitions):
            asked = definition.name == heard.situation.requested
            found = self._candidates(heard, definition)
            for candidate in found[:_MOST] or (_alone(heard, definition) if asked else ()):
                if candidate.score < _BY_CHANCE:
                    continue
                nearness = self._nearness(heard, definition, candidate)
                sure = candidate.score + nearness
                if not asked and (
                    (sure < _CERTAIN and not _is_new_time(heard, definition))
                    or (sure <= UNTOLD and _is_asked_text(heard, candidate))
                ):
                    continue
                yield Offer(
                    slot=definition.name,
                    reach=_reach(definition.name, heard.situation),
                    place=place,
                    type=definition.type,
                    candidate=candidate,
                    nearness=nearness,
                    asked=asked,
                    empty=definition.name not in heard.situation.filled,
                    barred=_is_barred(heard, definition, candidate, nearness),
                    extracted=definition.extractor is not None,
                )

    def _candidates(self, heard: _Heard, definition: SlotDefinition) -> Sequence[Candidate]:
        if definition.extractor is not None:
            return _extracted(heard, definition)
        if definition.type is SlotType.STRING:
            return list(islice(self._free_texts[definition.name].find(heard.message, heard.reference), _MOST))
        choices = self._counts.get(definition.name)
        if choices:
            numbers = READERS[SlotType.INTEGER].find(heard.message, definition, heard.reference)
            counted = [number for number in numbers if number.value in choices and number.score > IMPLIED]
            return [replace(number, value=choices[number.value]) for number in counted]
        if definition.type in _MOVED and (shifted := _shifted(heard, definition)):
            return shifted
        found = READERS[definition.type].find(heard.message, definition, heard.reference)
        return [_named(choice) for choice in found] if definition.type is SlotType.CHOICE else found

    def _nearness(self, heard: _Heard, definition: SlotDefinition, candidate: Candidate) -> float:
        if definition.type is SlotType.BOOLEAN:
            # Its words are the value.
            return 0.0
        # What follows a name is rather what it belongs to: in "a Paris hotel" no hotel is named.
        behind = definition.type is not SlotType.STRING
        return self.words.nearness(definition.name, heard.spoken, candidate.start, candidate.end, behind=behind)

    def _rejections(self, heard: _Heard, found: Mapping[str, Candidate]) -> Iterator[Rejection]:
        for definition in self._refused:
            asked = definition.name == heard.situation.requested
            sign = _SIGNS.get(definition.type)
            if definition.name in found:
                continue
            if not asked and not (sign and heard.is_open(definition.name) and sign.search(heard.message)):
                continue
            words = _extracted_words(heard, definition) if definition.extractor else heard.message
            refusal = READERS[definition.type].parse(words, definition, heard.reference) if words else None
            if isinstance(refusal, Refusal):
                raw = refusal.raw or (_attempt(heard, definition.type) if asked and not found else "")
                if raw:
                    yield Rejection(slot=definition.name, reason=refusal.reason, raw=raw)


def _shifted(heard: _Heard, definition: SlotDefinition) -> Sequence[Candidate]:
    """What the message moves a known value to."""
    known = heard.situation.filled.get(definition.name)
    if known is None:
        return ()
    text = heard.spoken.message[:LONGEST_SEARCH]
    shifts: Iterable[Shift] = ()
    if isinstance(known, date | time):
        shifts = shifts_in(text, known)
    elif isinstance(known, int) and not isinstance(known, bool):
        shifts = changes_in(text, known)
    return [
        Candidate(
            value=shift.value,
            raw=heard.message[shift.start : shift.end],
            start=shift.start,
            score=fit(text, shift.start, shift.counted, definition) if definition.type is SlotType.INTEGER else 1.0,
        )
        for shift in shifts
    ]


def _named(choice: Candidate) -> Candidate:
    """A choice, less sure where its own words do not name it."""
    literal = choice.raw.casefold() == str(choice.value).casefold()
    return choice if literal else replace(choice, score=choice.score - _NOT_LITERAL)


def _extracted(heard: _Heard, definition: SlotDefinition) -> Sequence[Candidate]:
    words = _extracted_words(heard, definition)
    value = READERS[definition.type].parse(words, definition, heard.reference) if words else None
    if value is None or isinstance(value, Refusal):
        return ()
    start, end = _span(heard.message, words)
    return [Candidate(value=value, raw=heard.message[start:end], start=start)]


def _span(message: str, words: str) -> tuple[int, int]:
    """Where words stand in a message, which may have other spaces, capitals and marks; at no place: (0, 0)."""
    start = straight(message).find(straight(words))
    if start >= 0:
        return start, start + len(words)
    places = [place for place, character in enumerate(message) if character.isalnum()]
    letters = folded("".join(message[place] for place in places))
    wanted = folded("".join(filter(str.isalnum, words)))
    first = letters.find(wanted) if wanted else -1
    return (places[first], places[first + len(wanted) - 1] + 1) if first >= 0 else (0, 0)


def _extracted_words(heard: _Heard, definition: SlotDefinition) -> str:
    """What the definition's pattern finds in the message, or its code has found; empty: nothing."""
    if isinstance(definition.extractor, re.Pattern):
        found = definition.extractor.search(straight(heard.message[:LONGEST_SEARCH]))
        return found["value"] or "" if found else ""
    return heard.situation.extracted.get(definition.name, "")


def _alone(heard: _Heard, definition: SlotDefinition) -> Iterator[Candidate]:
    """Reads the message as nothing but the value that was asked for: "the second one" for a choice, "15" for a time."""
    raw = heard.message.strip()
    if definition.extractor is None and definition.type not in _OF_ANY_WORDS:
        value = READERS[definition.type].parse(raw, definition, heard.reference)
        if not isinstance(value, Refusal):
            yield Candidate(value=value, raw=raw, start=heard.message.index(raw))


def _reach(slot: str, situation: Situation) -> Reach:
    if slot in situation.form:
        return Reach.FORM
    return Reach.FLOW if slot in situation.flow else Reach.ELSEWHERE


def _is_asked_text(heard: _Heard, candidate: Candidate) -> bool:
    """Whether a bare number is the whole answer to a question for text: a reference, a code."""
    asked = heard.situation.slots.get(heard.situation.requested)
    return asked is not None and asked.type is SlotType.STRING and candidate.raw == heard.message.strip()


def _is_new_time(heard: _Heard, definition: SlotDefinition) -> bool:
    """Whether a bare number may be a time since one is given and may be put right: "make it 4"."""
    correcting = heard.revising and heard.situation.confirming
    return correcting and definition.type is SlotType.TIME and definition.name in heard.situation.filled


def _is_barred(heard: _Heard, definition: SlotDefinition, candidate: Candidate, nearness: float) -> bool:
    """Whether the message, though it has the value, does not give it to the slot."""
    text, start = heard.spoken.message, candidate.start
    if definition.type is SlotType.BOOLEAN:
        return definition.name != heard.situation.requested and is_inquiry(text, start)
    if is_denied(text, start):
        return True
    if definition.name == heard.situation.requested or heard.revising:
        return False
    if candidate.raw == "one" and candidate.score <= UNTOLD and nearness < _NEAR:
        return _COUNTS_ALONE.search(text, 0, start) is None
    if nearness >= _NEAR or heard.is_open(definition.name) or _is_alone(heard, definition, candidate):
        return False
    return candidate.score == IMPLIED or not heard.situation.confirming or is_inquiry(text, start)


def _is_alone(heard: _Heard, definition: SlotDefinition, candidate: Candidate) -> bool:
    """Whether a message says nothing but a value that can be no other slot's, and please."""
    if definition.type in _UNCERTAIN:
        return False
    clauses, said = clauses_of(heard.message), clauses_of(candidate.raw)
    return len(clauses) == len(said) == 1 and clauses[0].core == said[0].words


def _attempt(heard: _Heard, kind: SlotType) -> str:
    """The message, if it looks like an attempt at a value; empty: it does not."""
    attempt = _ATTEMPTS.get(kind)
    short = len(heard.spoken.stems) <= _SHORT
    return heard.message.strip() if attempt and short and attempt.fullmatch(heard.message) else ""


def _counts_of(definition: SlotDefinition) -> Mapping[SlotValue, str]:
    """The choices of a slot by the numbers that they are, if all of them are: "two" chooses "2"."""
    if definition.type is not SlotType.CHOICE or not all(choice.name.isdecimal() for choice in definition.choices):
        return {}
    return {int(choice.name): choice.name for choice in definition.choices}


def _reference(situation: Situation) -> Reference:
    return Reference(now=situation.now, locale=situation.locale)
