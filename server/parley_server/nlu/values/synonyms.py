"""Everyday synonyms of what choices commonly are, for definitions that name none of their own.

This module must not know any definition. A synonym counts only where it fits one choice alone, and a group holds words
that mean nearly the same wherever choices are made, none that only go together: a garden is no park.
"""

from collections.abc import Mapping

from parley_server.nlu.values.words import WORD, singular

_GROUPS = (
    "inexpensive, cheap, low cost, budget, affordable, economical, low priced, bargain",
    "moderate, mid range, midrange, medium, reasonable, reasonably priced, moderately priced, average, intermediate",
    "expensive, pricey, costly, upscale, fancy, high end, upmarket, luxurious, luxury, posh",
    "standard, regular, normal, ordinary, basic, usual",
    "large, big", "small, little, compact, mini, tiny",
    "checking, current account",
    "tv, television, telly",
    "economy, coach", "single, one way, oneway", "return, round trip, roundtrip",
    "music, concert, gig",
    "sports, sport, match, game",
    "nature preserve, nature reserve",
    "theme park, amusement park",
    "full size, fullsize, large, big",
    "place of worship, religious, church, temple, mosque, cathedral, shrine, synagogue",
    "historical landmark, monument, historic site, heritage site",
    "museum, gallery",
    "shopping area, mall, shops, stores",
    "performing arts venue, theater, theatre, opera house",
    "sports venue, stadium, arena",
    "tourist attraction, place of interest, point of interest, sight",
    "general practitioner, gp, family doctor, physician",
    "dermatologist, skin doctor", "ophthalmologist, eye doctor",
    "gynecologist, gynaecologist, obgyn",
    "ent specialist, ear nose and throat, ent",
    "vegetarian, veggie, meatless",
    "male, man", "female, woman",
)  # fmt: skip


def _table() -> Mapping[tuple[str, ...], frozenset[tuple[str, ...]]]:
    table: dict[tuple[str, ...], frozenset[tuple[str, ...]]] = {}
    for group in _GROUPS:
        phrases = frozenset(tuple(map(singular, WORD.findall(phrase))) for phrase in group.split(","))
        for phrase in phrases:
            table[phrase] = table.get(phrase, frozenset()) | (phrases - {phrase})
    return table


SYNONYMS = _table()
"""The other phrases of each phrase, as words in the singular."""
