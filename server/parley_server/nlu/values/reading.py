"""Reads one slot from one message, as a turn does.

This module must not know the other slots of the message: whoever does compares the scores.
"""

from parley_server.core.slots import Candidate, SlotDefinition, SlotType
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.readers import READERS
from parley_server.nlu.values.words import context_stems, folded, words_of

_FLOOR = 0.3
"""A candidate below this score is a value of the type that is meant for something else."""
_NEAR = 40
"""How many characters before a candidate its context reaches."""


def read_slot(
    message: str, definition: SlotDefinition, reference: Reference, *, asked: bool
) -> Candidate | Refusal | None:
    """Reads the value that a message gives for a slot.

    The definition's own extractor decides where there is one. Else the values of the type that the message holds are
    weighed by what is said around them, and the surest is taken. If the slot was asked for and none is found, the whole
    message is read as the value; a boolean that was asked for is first read as a yes or no.

    Returns:
        The candidate; why the message is no answer, only if `asked`; None if the message gives the slot no value.
    """
    if definition.extractor is not None:
        words = definition.extractor(message)
        if words is not None:
            return _whole(words, message, definition, reference)
        return Refusal("That is not in the form that is needed here.") if asked else None
    if asked and definition.type is SlotType.BOOLEAN:
        answer = _whole(message, message, definition, reference)
        if isinstance(answer, Candidate):
            return answer
    found = [
        candidate
        for candidate in READERS[definition.type].find(message, definition, reference)
        if candidate.score >= _FLOOR
    ]
    if found:
        return _surest(found, message, definition)
    return _whole(message, message, definition, reference) if asked else None


def _whole(words: str, message: str, definition: SlotDefinition, reference: Reference) -> Candidate | Refusal:
    value = READERS[definition.type].parse(words, definition, reference)
    if isinstance(value, Refusal):
        return value
    return Candidate(value=value, raw=words, start=max(0, message.find(words)))


def _surest(found: list[Candidate], message: str, definition: SlotDefinition) -> Candidate:
    if len(found) == 1:
        return found[0]
    context = context_stems(definition)
    text = folded(message)

    def weight(candidate: Candidate) -> float:
        before = words_of(text[max(0, candidate.start - _NEAR) : candidate.start])[-4:]
        return candidate.score + 0.05 * sum(word.stem in context for word in before)

    return max(found, key=weight)
