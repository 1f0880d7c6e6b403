"""Finding: the values that a message has for a set of slots, asked for or not.

This module must not know intents or commands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from parley_server.core.slots import Candidate, Rejection, SlotDefinition, SlotType
from parley_server.core.understanding import Situation
from parley_server.nlu.assignment import Offer, assign
from parley_server.nlu.clauses import Clause
from parley_server.nlu.corrections import is_denied, revises
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
        self._definitions = {definition.name: definition for definition in definitions}
        self._free_texts = {d.name: FreeText(d) for d in definitions if d.type is SlotType.STRING}
        self.words = SlotWords(definitions)

    def find(self, message: str, clauses: Sequence[Clause], situation: Situation) -> Findings:
        """Finds at most one value for each slot, and what was meant as one and is none."""
        spoken = Spoken.of(message)
        revising = revises(clauses)
        reference = _reference(situation)
        offers = self._offers(message, spoken, situation, reference)
        if not revising and not situation.confirming:
            offers = (offer for offer in offers if offer.empty or offer.asked or offer.nearness >= _NEAR)
        found = assign(offers, spoken.message, last=revising)
        rejected = tuple(self._rejections(message, found, situation, reference))
        return Findings(slots=found, rejected=rejected)

    def whole(self, slot: str, message: str, taken: Sequence[Candidate], situation: Situation) -> Candidate | None:
        """Takes a message as the free text of a string slot; None if it says nothing besides what is taken."""
        return self._free_texts[slot].whole(message, taken, _reference(situation))

    def _offers(self, message: str, spoken: Spoken, situation: Situation, reference: Reference) -> Iterator[Offer]:
        for place, definition in enumerate(self._definitions.values()):
            name = definition.name
            for candidate in self._candidates(message, definition, reference):
                if self._is_denied(definition, spoken, candidate):
                    continue
                nearness = self.words.nearness(name, spoken, candidate.start, candidate.end)
                asked = name == situation.requested
                sure = candidate.score + nearness >= (_BY_CHANCE if asked else _CERTAIN)
                if sure:
                    yield Offer(
                        slot=name,
                        place=place,
                        type=definition.type,
                        candidate=candidate,
                        nearness=nearness,
                        asked=asked,
                        empty=name not in situation.filled,
                    )

    def _candidates(self, message: str, definition: SlotDefinition, reference: Reference) -> Iterator[Candidate]:
        reader = READERS[definition.type]
        if definition.extractor is not None:
            words = definition.extractor(message)
            start = message.find(words) if words else -1
            value = reader.parse(words, definition, reference) if words and start >= 0 else None
            if words and value is not None and not isinstance(value, Refusal):
                yield Candidate(value=value, raw=words, start=start)
        elif definition.type is SlotType.STRING:
            yield from self._free_texts[definition.name].find(message, reference)
        else:
            yield from reader.find(message, definition, reference)

    def _is_denied(self, definition: SlotDefinition, spoken: Spoken, candidate: Candidate) -> bool:
        return definition.type is not SlotType.BOOLEAN and is_denied(spoken.message, candidate.start)

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


def _reference(situation: Situation) -> Reference:
    return Reference(now=situation.now, locale=situation.locale)
