"""Everyday synonyms of what choices commonly are, for definitions that name none of their own.

This module must not know any definition. A synonym counts only where it fits one choice alone.
"""

from collections.abc import Mapping

from parley_server.nlu.values.words import WORD, singular

_GROUPS = (
    "inexpensive, cheap, low cost, budget, affordable, economical, low priced, bargain",
    "moderate, mid range, midrange, medium, reasonable, reasonably priced, moderately priced, average, intermediate",
    "expensive, pricey, costly, upscale, fancy, high end, upmarket, luxurious, luxury, fine dining, ritzy, posh",
    "standard, regular, normal, ordinary, mid size, midsize, intermediate, basic, usual",
    "large, big, full size, fullsize",
    "small, little, compact, mini, tiny",
    "pool, shared, share, carpool",
    "checking, current account",
    "savings, saving",
    "tv, television, telly, big screen, display, screen",
    "economy, coach",
    "flexible, refundable, changeable",
    "music, concert, gig, band",
    "sports, sport, game, match",
    "park, garden",
    "nature preserve, nature reserve, nature, natural, wildlife",
    "theme park, amusement park, rides",
    "place of worship, church, temple, mosque, cathedral, shrine, synagogue",
    "historical landmark, historic, history, heritage, monument",
    "museum, gallery, exhibition",
    "shopping area, shopping, mall, shops, stores",
    "performing arts venue, theater, theatre, performance, opera",
    "sports venue, stadium, arena",
    "tourist attraction, tourist, sightseeing, place of interest, point of interest",
    "general practitioner, gp, family doctor, primary care, general doctor, physician",
    "dermatologist, skin, dermatology",
    "ophthalmologist, eye, eyes, ophthalmology",
    "gynecologist, gynaecologist, obgyn, women's health, gynecology",
    "ent specialist, ear nose and throat, ent",
    "vegetarian, veggie, meatless",
    "male, man", "female, woman",
    "single, one way, oneway", "return, round trip, roundtrip",
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
