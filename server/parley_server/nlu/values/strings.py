"""Reads free text: slots of the type string. Only what was asked for can be free text, so nothing is ever found."""

import re
import unicodedata
from collections.abc import Sequence

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.clauses import word_set
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import context_stems, folded, stem

_REFUSAL = Refusal("Please answer with a few words.")
_LEAD_IN = re.compile(
    r"(?:(?:hi|hello|hey|sure|ok|okay|yes|well|so|um|uh)[,.!]?\s+)*"
    r"(?:(?:(?:my|the|our|his|her)\s(?:\w+\s){0,2})?(?P<thing>\w+)(?:\s?:|['\u2019]s|\s(?:is|are|will\sbe|would\sbe))\s|"
    r"(?:please\s|you\scan\s|they\s)?call\sme\s|i(?:['\u2019]m|\sam)\s(?:called\s)?|i\sgo\sby\s|"
    r"(?:please\s)?(?:put\s(?:it\s)?down\s(?:as\s)?|(?:(?:put|book|reserve|make)\s(?:it|that|this)\s)?"
    r"(?:under|in\sthe\sname\sof)\s|(?:put|book|reserve)\s(?:it|that|this)\s(?:as|for)\s))",
    re.IGNORECASE,
)
_ANYTHING = word_set("it that this name answer")
_NAMED = frozenset(
    map(stem, word_set("name person who customer guest patient passenger driver user contact recipient"))
)
"""Words of a definition that is about somebody: "call me Al" leads to a name alone."""
_COURTESY = re.compile(r"[,\s]+(?:please|thanks|thank\syou)[\s.!]*$", re.IGNORECASE)
_OUTER = " \t\r\n.,;:!?\"'`\u201c\u201d\u2018\u2019"


class StringReader:
    """Reads free text."""

    def parse(self, words: object, definition: SlotDefinition, _reference: Reference) -> SlotValue | Refusal:
        """Takes the words without a lead-in ("my name is"), outer punctuation and space, in NFC.

        A lead-in speaks of a name or of what the slot is about: "my car is broken" is the whole of a reason.
        """
        if not isinstance(words, str):
            return _REFUSAL
        text = " ".join(unicodedata.normalize("NFC", words).split())
        text = _COURTESY.sub("", text)
        lead_in = _LEAD_IN.match(text)
        if lead_in and _leads_to(definition, lead_in["thing"]) and text[lead_in.end() :].strip(_OUTER):
            text = text[lead_in.end() :]
        return text.strip(_OUTER) or _REFUSAL

    def find(self, _message: str, _definition: SlotDefinition, _reference: Reference) -> Sequence[Candidate]:
        """Finds nothing: any words may be free text, so none is."""
        return ()


def _leads_to(definition: SlotDefinition, thing: str | None) -> bool:
    context = context_stems(definition)
    if thing is None:
        return not context or not _NAMED.isdisjoint(context)
    word = folded(thing)
    return word in _ANYTHING or stem(word) in context
