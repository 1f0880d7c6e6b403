"""The words by which a message speaks of a slot: its name, words of its description, and words that go with those.

"From" goes with an origin, "until" with an end. What two slots of one type share tells neither apart, and counts for
none. This module must not know values.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parley_server.core.slots import SlotDefinition, SlotType
from parley_server.nlu.clauses import Clause, phrases, word_set
from parley_server.nlu.values.words import WORD, Word, folded, stem, stems_of

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
_DETERMINER = "(?:the|my|that|this|your|our|another|a different|a new|different|other|new|wrong|which|its)"
_CHANGE = phrases(
    [
        "change|changing|switch|update|correct|fix|edit|modify|adjust|amend|replace|reschedule|redo|wrong|incorrect|mistake|"
        "not right|not correct|isnt right|isnt correct|mistaken|different|another"
    ]
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The words of a message, where they stand."""

    message: str
    """Folded: in lower case, every character at its place."""
    words: Sequence[Word]

    @classmethod
    def of(cls, message: str) -> "Spoken":
        """Splits a message."""
        low = folded(message)
        return cls(low, [Word(stem(match[0]), match.start(), match.end()) for match in WORD.finditer(low)])


class SlotWords:
    """Knows the words of a set of slots."""

    def __init__(self, definitions: Sequence[SlotDefinition]) -> None:
        """Takes the definitions of all slots that a message may fill."""
        raw = {definition.name: _words_of(definition) for definition in definitions}
        self._cues = {d.name: _own(d, definitions, raw) for d in definitions}
        self._ends = {d.name for d in definitions if not _END_NAMES.isdisjoint(_name_words(d))}
        self._mentions = {d.name: _mention(d, definitions) for d in definitions}

    def is_end(self, slot: str) -> bool:
        """Whether the slot is where something ends: a return, a check-out."""
        return slot in self._ends

    def nearness(self, slot: str, spoken: Spoken, start: int, end: int) -> float:
        """Says how near words of the slot stand to a value, from 0 (there are none) to 1."""
        cues = self._cues[slot]
        words = spoken.words
        first = bisect_left(words, start, key=lambda word: word.start)
        best, weight = 0.0, 1.0
        before = words[max(0, first - _BEFORE) : first]
        changing = any(word.stem in _CHANGING for word in words[max(0, first - 2 * _BEFORE) : first])
        for word in reversed(before):
            if _STOP.search(spoken.message, word.end, start):
                break
            if changing and word.stem == "to":
                # In "change it to Monday" the word says nothing of an end.
                weight -= _FADE
                continue
            best = max(best, weight * cues.get(word.stem, 0.0))
            weight -= _FADE
        last = bisect_left(words, end, first, key=lambda word: word.start)
        weight = 1.0 - _FADE
        for word in words[last : last + _AFTER]:
            if word.stem in _PREPOSITIONS:
                break
            best = max(best, weight * cues.get(word.stem, 0.0))
            weight -= _FADE
        return best

    def mentioned(self, clauses: Sequence[Clause]) -> frozenset[str]:
        """Names the slots that a message speaks of as something to change, or as its whole message."""
        return frozenset(
            name for name, pattern in self._mentions.items() if any(_mentions(pattern, clause) for clause in clauses)
        )


def _mentions(pattern: re.Pattern[str], clause: Clause) -> bool:
    if pattern.fullmatch(clause.core):
        return True
    return bool(_CHANGE.search(clause.words)) and bool(pattern.search(clause.words))


def _words_of(definition: SlotDefinition) -> dict[str, float]:
    name = _name_words(definition)
    weights = {s: _DESCRIPTION_WEIGHT for s in stems_of(definition.description) if s not in _GENERIC}
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


def _mention(definition: SlotDefinition, definitions: Sequence[SlotDefinition]) -> re.Pattern[str]:
    label = " ".join(WORD.findall(folded(definition.label))).replace("'", "")
    names = [re.escape(label)]
    short = re.sub(r" (?:date|time|day|number|name|address)$", "", label)
    if short != label and Counter(d.label.startswith(short) for d in definitions)[True] == 1:
        names.append(re.escape(short))
    same_type = [d for d in definitions if d.type is definition.type]
    if len(same_type) == 1 and definition.type in _TYPE_NAMES:
        names.append(_TYPE_NAMES[definition.type])
    return phrases([f"(?:{_DETERMINER} )*(?:{'|'.join(names)})s?"])
