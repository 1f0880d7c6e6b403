"""The words by which a message speaks of a slot: its name, words of its description, and words that go with those.

"From" goes with an origin, "until" with an end. What two slots of one type share tells neither apart, and counts for
none. This module must not know values.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from parley_server.core.slots import SlotDefinition, SlotType
from parley_server.nlu.clauses import Clause, phrases, word_set
from parley_server.nlu.values.words import WORD, Word, folded, stem, stems_of, words_of

_KIN: Sequence[tuple[frozenset[str], frozenset[str]]] = tuple(
    (word_set(names), word_set(words))
    for names, words in (
        (
            "from origin source departure depart leaving start begin outbound",
            "from leave leaving depart start begin of out",
        ),
        ("pickup pick", "from pick pickup collect start"),
        ("arrival arrive checkin", "from arrive arriving start in reach"),
        ("destination to dest", "to toward towards into visit reach go going"),
        ("checkout end until finish", "to until till through end ending out leave leaving"),
        ("return inbound back", "return returning back until till"),
        ("movie film title show event concert", "see watch attend"),
        ("song track", "play hear listen"),
        ("artist singer band performer", "by"),
        ("starring actor cast", "with starring"),
        ("restaurant hotel theater cinema venue", "at"),
        ("doctor dentist therapist stylist salon", "see visit with at"),
        ("dropoff drop", "drop until till return returning back to"),
        ("recipient payee receiver", "to recipient send"),
    )
)
_END_NAMES = word_set("end until return returning back checkout dropoff inbound finish to")
_GENERIC = word_set("date time day number name of the a an value slot amount type string is are for and or that user")
_PREPOSITIONS = word_set("from to until till of in at on for by")

_NAME_WEIGHT, _KIN_WEIGHT, _DESCRIPTION_WEIGHT = 1.0, 0.9, 0.6
_BEFORE, _AFTER = 5, 3
_FADE = 0.12
"""How much a word counts less for each word between it and the value."""

_STOP = re.compile(r"[.?!](?:\s|$)")
_CHANGING = word_set("chang switch updat mov correct set push reschedul modify adjust")

_TYPE_NAMES: Mapping[SlotType, str] = {
    SlotType.EMAIL: "e-?mail|e mail|mail|e-?mail address|mail address",
    SlotType.PHONE: "phone|phone number|telephone|telephone number|number|cell|mobile|contact number",
    SlotType.DATE: "date|day",
    SlotType.TIME: "time|hour",
}
_LONGEST_NAME = 5
_NEVER = re.compile(r"(?!)")
_DETERMINERS = 3
"""How many of them stand before a noun at the most; a bound keeps a search through "my my my …" short."""
_DETERMINER = "(?:the|my|that|this|your|our|another|a different|a new|different|other|new|wrong|which|its)"
_CHANGE = phrases(
    [
        "change|changing|switch|update|correct|fix|edit|modify|adjust|amend|replace|reschedule|redo",
        "wrong|incorrect|mistake|not right|not correct|isnt right|isnt correct|mistaken|different|another",
    ]
)


class Spoken:
    """The words of a message. Where they stand is only found out if it matters, for mostly it does not."""

    def __init__(self, message: str) -> None:
        """Takes a message."""
        self.message = folded(message)
        """The message in lower case, every character at its place."""
        self.stems = [stem(word) for word in WORD.findall(self.message)]

    @cached_property
    def _words(self) -> Sequence[Word]:
        return words_of(self.message)

    @cached_property
    def _sentence_ends(self) -> Sequence[int]:
        return [match.start() for match in _STOP.finditer(self.message)]

    @cached_property
    def _changes(self) -> bool:
        """Whether the message has a verb of change: in "change it to Monday", "to" says nothing of an end."""
        return not _CHANGING.isdisjoint(self.stems)

    def before(self, start: int) -> Iterator[str]:
        """Gives the stems of a few words before a place in the same sentence, the nearest first."""
        first = bisect_left(self._words, start, key=_start)
        sentence = max((end for end in self._sentence_ends if end < start), default=-1)
        for word in reversed(self._words[max(0, first - _BEFORE) : first]):
            if word.start < sentence:
                return
            yield "" if self._changes and word.stem == "to" else word.stem

    def behind(self, end: int) -> Iterator[str]:
        """Gives the stems of a few words behind a place, up to a preposition, the nearest first."""
        first = bisect_left(self._words, end, key=_start)
        for word in self._words[first : first + _AFTER]:
            if word.stem in _PREPOSITIONS:
                return
            yield word.stem


def _start(word: Word) -> int:
    return word.start


class SlotWords:
    """Knows the words of a set of slots."""

    def __init__(self, definitions: Sequence[SlotDefinition]) -> None:
        """Takes the definitions of all slots that a message may fill."""
        described = Counter(word for d in definitions for word in set(stems_of(d.description)))
        raw = {d.name: _words_of(d, {word for word in described if described[word] == 1}) for d in definitions}
        self._cues = {d.name: _own(d, definitions, raw) for d in definitions}
        self._ends = {d.name for d in definitions if not _END_NAMES.isdisjoint(_name_words(d))}
        mentions = {d.name: _mention(d, definitions) for d in definitions}
        self._mentions = {name: phrases([words]) for name, words in mentions.items()}
        self._mention = phrases(mentions.values()) if mentions else _NEVER
        """A mention of any slot."""

    def is_end(self, slot: str) -> bool:
        """Whether the slot is where something ends: a return, a check-out."""
        return slot in self._ends

    def nearness(self, slot: str, spoken: Spoken, start: int, end: int, *, behind: bool) -> float:
        """Says how near words of the slot stand to a value, from 0 (there are none) to 1.

        Args:
            slot: The name of the slot.
            spoken: The message.
            start: Where the value begins.
            end: Where the value ends.
            behind: Whether words behind the value count too: "two adults".
        """
        cues = self._cues[slot]
        if cues.keys().isdisjoint(spoken.stems):
            return 0.0
        best, weight = 0.0, 1.0
        for word in spoken.before(start):
            best = max(best, weight * cues.get(word, 0.0))
            weight -= _FADE
        if behind:
            weight = 1.0 - _FADE
            for word in spoken.behind(end):
                best = max(best, weight * cues.get(word, 0.0))
                weight -= _FADE
        return best

    def mentioned(self, clauses: Sequence[Clause]) -> frozenset[str]:
        """Names the slots that a message speaks of as something to change, or as its whole message."""
        found: set[str] = set()
        for clause in clauses:
            if not self._mention.search(clause.words):
                continue
            if _CHANGE.search(clause.words):
                found.update(name for name, pattern in self._mentions.items() if pattern.search(clause.words))
            elif clause.core.count(" ") <= _LONGEST_NAME:
                found.update(name for name, pattern in self._mentions.items() if pattern.fullmatch(clause.core))
        return frozenset(found)


def _words_of(definition: SlotDefinition, telling: Collection[str]) -> dict[str, float]:
    name = _name_words(definition)
    described = stems_of(definition.description)
    weights = {word: _DESCRIPTION_WEIGHT for word in described if word in telling and word not in _GENERIC}
    for names, words in _KIN:
        if not names.isdisjoint(name):
            weights.update((stem(word), _KIN_WEIGHT) for word in words)
    weights.update((stem(word), _NAME_WEIGHT) for word in name)
    return weights


def _name_words(definition: SlotDefinition) -> list[str]:
    words = WORD.findall(folded(definition.label))
    # "check_out" and "check in date" are one word to the tables.
    return [*words, "".join(words[:2])]


def _own(
    definition: SlotDefinition, definitions: Sequence[SlotDefinition], raw: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    rivals = [raw[d.name] for d in definitions if d.type is definition.type and d is not definition]
    return {
        word: weight
        for word, weight in raw[definition.name].items()
        if all(rival.get(word, 0.0) < weight for rival in rivals)
    }


def _mention(definition: SlotDefinition, definitions: Sequence[SlotDefinition]) -> str:
    label = " ".join(WORD.findall(folded(definition.label))).replace("'", "")
    names = [re.escape(label)]
    short = re.sub(r" (?:date|time|day|number|name|address)$", "", label)
    if short != label and Counter(d.label.startswith(short) for d in definitions)[True] == 1:
        names.append(re.escape(short))
    same_type = [d for d in definitions if d.type is definition.type]
    if len(same_type) == 1 and definition.type in _TYPE_NAMES:
        names.append(_TYPE_NAMES[definition.type])
    return f"(?:{_DETERMINER} ){{0,{_DETERMINERS}}}(?:{'|'.join(names)})s?"
