"""Assignment: which of the values found in a message goes to which slot.

One stretch of words serves one slot. Who gets it: the slot whose words stand near it, then the slot that was asked
for, then one of the form that is being filled, of the flow that runs, and one that is still empty; among slots that are
even, the one of the more specific type, and then in the order of the values and of the slots. This module must not know
how a value is found.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import pairwise, permutations

import msgspec

from parley_server.core.slots import Candidate, SlotType
from parley_server.nlu.corrections import are_alternatives, are_bounds, is_replaced

_SPECIFIC_FIRST = (
    SlotType.EMAIL,
    SlotType.PHONE,
    SlotType.DATE,
    SlotType.TIME,
    SlotType.INTEGER,
    SlotType.FLOAT,
    SlotType.BOOLEAN,
    SlotType.CHOICE,
    SlotType.STRING,
)
_RANK: Mapping[SlotType, int] = {kind: place for place, kind in enumerate(_SPECIFIC_FIRST)}

_BOUNDED = frozenset({SlotType.INTEGER, SlotType.FLOAT, SlotType.TIME})
"""The types of which a range leaves open what is meant. Two dates may be those of two slots."""
_UNORDERED = frozenset({SlotType.CHOICE, SlotType.INTEGER, SlotType.FLOAT})

_ASKED = 0.5
_EMPTY = 0.25


class Reach(IntEnum):
    """How far a slot is from what the conversation is about, the nearest first."""

    FORM = 0
    FLOW = 1
    ELSEWHERE = 2


_REACHED: Mapping[Reach, float] = {Reach.FORM: 0.4, Reach.FLOW: 0.3, Reach.ELSEWHERE: 0.0}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a message may have for a slot."""

    slot: str
    reach: Reach
    place: int
    """The slot's place in the order of slots."""
    type: SlotType
    candidate: Candidate
    nearness: float
    """How near the slot's own words stand to the value, 0 to 1."""
    asked: bool
    empty: bool
    """Whether the slot has no value so far."""
    barred: bool = False
    """Whether the slot has a value that nothing in the message gives leave to change."""
    extracted: bool = False
    """Whether the definition itself says how the value is found."""

    @property
    def weight(self) -> float:
        """What the offer wins by."""
        reached = _REACHED[self.reach]
        return self.candidate.score + self.nearness + _ASKED * self.asked + reached + _EMPTY * self.empty


def assign(offers: Sequence[Offer], message: str, *, last: bool) -> dict[str, Candidate]:
    """Gives each slot at most one value, and each stretch of words to at most one slot.

    Args:
        offers: The values found, for all slots.
        message: The folded message.
        last: Whether, among a slot's even values, the last one is meant: in "Friday, sorry, Monday" it is.
    """
    if len(offers) < 2:
        return {offer.slot: offer.candidate for offer in offers if not offer.barred}
    standing = _without_parts(_meant(offers, message))
    direction = -1 if last else 1
    standing.sort(
        key=lambda o: (
            -round(o.weight, 2),
            _RANK[o.type],
            # Of two names the longer one is likelier meant; of two numbers it is not.
            -len(o.candidate.raw) if o.type is SlotType.STRING else 0,
            direction * o.candidate.start,
            o.reach,
            o.place,
        )
    )
    given: dict[str, Candidate] = {}
    for offer in standing:
        if (
            not offer.barred
            and offer.slot not in given
            and not any(_overlap(offer.candidate, other) for other in given.values())
            and not _belongs_to_another(offer, standing, given)
        ):
            given[offer.slot] = offer.candidate
    return given


def _belongs_to_another(offer: Offer, offers: Sequence[Offer], given: Collection[str]) -> bool:
    """Whether nothing speaks for a slot but its type, and a slot before it that fits as well has no value."""
    if offer.asked or offer.nearness:
        return False
    rivals = [
        other
        for other in offers
        if (other.reach, other.place) < (offer.reach, offer.place)
        and other.type is offer.type
        and other.candidate.start == offer.candidate.start
    ]
    # Two dates may come in the order of their slots; two of the same choices say nothing by their order, and neither do
    # two numbers, nor two that are not of one form.
    unordered = offer.type in _UNORDERED
    return any(
        other.candidate.score >= offer.candidate.score
        and (unordered or other.reach < offer.reach or other.slot not in given)
        for other in rivals
    )


def _without_parts(offers: Sequence[Offer]) -> list[Offer]:
    """Leaves out what is only a part of another slot's value: the 3 of "March 3rd"."""
    spans = sorted((offer.candidate.start, offer.candidate.end) for offer in offers)
    if all(end <= start for (_, end), (start, _) in pairwise(spans)):
        return list(offers)
    return [offer for offer in offers if not any(_is_part(offer, other) for other in offers)]


def _is_part(offer: Offer, other: Offer) -> bool:
    if other.slot == offer.slot or not _overlap(offer.candidate, other.candidate):
        return False
    more_specific = _RANK[other.type] - _RANK[offer.type]
    length = len(other.candidate.raw) - len(offer.candidate.raw)
    if offer.type is SlotType.STRING and more_specific < 0 and not offer.extracted:
        return length >= 0
    return length > 0 and (more_specific <= 0 or other.weight >= offer.weight)


def _meant(offers: Sequence[Offer], message: str) -> Sequence[Offer]:
    """Leaves out values that the message leaves open, "Monday or Tuesday", or takes back, "6, no wait, 7"."""
    dropped: set[tuple[int, int]] = set()
    """By their place, with the rank of their type: what is open as a time is no number either."""
    for slot in _given_twice(offers):
        of_slot = [offer for offer in offers if offer.slot == slot]
        for before, after in permutations(of_slot, 2):
            end, start = before.candidate.end, after.candidate.start
            if start < end:
                continue
            bounds = before.type in _BOUNDED and are_bounds(message, slice(before.candidate.start, end), start)
            if bounds or are_alternatives(message, end, start):
                # What was asked for and left open is nothing else either: of guests, "around 6 or 7" is no time.
                rank = 0 if before.asked and not bounds else _RANK[before.type]
                dropped |= {(rank, before.candidate.start), (rank, start)}
            elif is_replaced(message, end, start):
                dropped.add((_RANK[before.type], before.candidate.start))
    return [o for o in offers if not any(_RANK[o.type] >= rank and o.candidate.start == at for rank, at in dropped)]


def _given_twice(offers: Sequence[Offer]) -> Iterable[str]:
    return (slot for slot, count in Counter(offer.slot for offer in offers).items() if count > 1)


def _overlap(one: Candidate, other: Candidate) -> bool:
    return one.start < other.end and other.start < one.end
