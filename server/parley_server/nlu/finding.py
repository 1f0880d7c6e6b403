"""Finding: the values that a message has for a set of slots, asked for or not.

This module must not know intents or commands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from parley_server.core.slots import Candidate, Rejection, SlotDefinition, SlotType, SlotValue
from parley_server.core.understanding import Situation
from parley_server.nlu.assignment import Offer, assign
from parley_server.nlu.clauses import Clause
from parley_server.nlu.corrections import is_denied, is_inquiry, revises
from parley_server.nlu.free_text import FreeText
from parley_server.nlu.slot_words import SlotWords, Spoken
from parley_server.nlu.values import READERS
from parley_server.nlu.values.protocol import Reference, Refusal

_NEAR = 0.5
"""How near a slot's words must stand to a value to change the slot unasked."""
_CERTAIN = 0.5
"""How sure a value must be, its slot's words included, to be taken unasked."""
_BY_CHANCE = 0.3
"""Below this score a value is meant for something else."""

_SIGNS: Mapping[SlotType, str] = {SlotType.EMAIL: "@", SlotType.DATE: "0123456789"}
"""Characters without which no words are meant as a value of a type, whether asked for or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found for the slots in a message."""

    slots: Mapping[str, Candidate]
    rejected: tuple[Rejection, ...]


class SlotFinder:
    """Finds the values of a set of slots. What depends on the definitions alone is made once."""

    def __init__(self, definitions: Sequence[SlotDefinition]) -> None:
        """Takes the definitions of every slot that a message may fill."""
        self.words = SlotWords(definitions)
        # Of two slots of one type, a lone value is rather a start than an end: "a car from the 5th" says no more.
        self._definitions = {d.name: d for d in sorted(definitions, key=lambda d: self.words.is_end(d.name))}
        self._free_texts = {d.name: FreeText(d) for d in definitions if d.type is SlotType.STRING}
        self._counts = {d.name: counts for d in definitions if (counts := _counts_of(d))}

    def find(self, message: str, clauses: Sequence[Clause], situation: Situation) -> Findings:
        """Finds at most one value for each slot, and what was meant as one and is none."""
        spoken = Spoken.of(message)
        revising = revises(clauses)
        reference = _reference(situation)
        free = revising or situation.confirming
        offers = list(self._offers(message, spoken, situation, reference, free=free))
        found = assign(offers, spoken.message, last=revising)
        rejected = tuple(self._rejections(message, found, situation, reference))
        return Findings(slots=found, rejected=rejected)

    def whole(self, slot: str, message: str, taken: Sequence[Candidate], situation: Situation) -> Candidate | None:
        """Takes a message as the free text of a string slot; None if it says nothing besides what is taken."""
        return self._free_texts[slot].whole(message, taken, _reference(situation))

    def _offers(
        self, message: str, spoken: Spoken, situation: Situation, reference: Reference, *, free: bool
    ) -> Iterator[Offer]:
        """Gives every value found for every slot. Unless `free`, a slot that has one is changed only by its name."""
        for place, definition in enumerate(self._definitions.values()):
            asked = definition.name == situation.requested
            empty = definition.name not in situation.filled
            for candidate in self._candidates(message, definition, reference):
                if definition.type is SlotType.BOOLEAN:
                    nearness = 0.0
                    barred = not asked and is_inquiry(spoken.message, candidate.start)
                else:
                    nearness = self.words.nearness(definition.name, spoken, candidate.start, candidate.end)
                    barred = is_denied(spoken.message, candidate.start)
                if candidate.score + nearness < (_BY_CHANCE if asked else _CERTAIN):
                    continue
                yield Offer(
                    slot=definition.name,
                    place=place,
                    type=definition.type,
                    candidate=candidate,
                    nearness=nearness,
                    asked=asked,
                    empty=empty,
                    barred=barred or not (asked or empty or free or nearness >= _NEAR),
                )

    def _candidates(self, message: str, definition: SlotDefinition, reference: Reference) -> Iterator[Candidate]:
        reader = READERS[definition.type]
        if definition.extractor is not None:
            words = definition.extractor(message)
            start = message.find(words) if words else -1
            value = reader.parse(words, definition, reference) if words and start >= 0 else None
            if words and value is not None and not isinstance(value, Refusal):
                yield Candidate(value=value, raw=words, start=start)
        elif definition.name in self._counts:
            names = self._counts[definition.name]
            for number in READERS[SlotType.INTEGER].find(message, definition, reference):
                if number.value in names:
                    yield replace(number, value=names[number.value])
        elif definition.type is SlotType.STRING:
            yield from self._free_texts[definition.name].find(message, reference)
        else:
            yield from reader.find(message, definition, reference)

    def _rejections(
        self, message: str, found: Mapping[str, Candidate], situation: Situation, reference: Reference
    ) -> Iterator[Rejection]:
        for definition in self._definitions.values():
            asked = definition.name == situation.requested
            signs = _SIGNS.get(definition.type, "")
            if definition.name in found or definition.type in {SlotType.STRING, SlotType.BOOLEAN}:
                continue
            if not asked and (definition.name in situation.filled or not any(sign in message for sign in signs)):
                continue
            refusal = READERS[definition.type].parse(message, definition, reference)
            if isinstance(refusal, Refusal) and refusal.raw:
                yield Rejection(slot=definition.name, reason=refusal.reason, raw=refusal.raw)


def _counts_of(definition: SlotDefinition) -> Mapping[SlotValue, str]:
    """The choices of a slot by the numbers that they are, if they all are: "two" chooses "2"."""
    if definition.type is not SlotType.CHOICE or not all(choice.name.isdecimal() for choice in definition.choices):
        return {}
    return {int(choice.name): choice.name for choice in definition.choices}


def _reference(situation: Situation) -> Reference:
    return Reference(now=situation.now, locale=situation.locale)
