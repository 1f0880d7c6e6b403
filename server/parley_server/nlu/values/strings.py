"""Reads free text: slots of the type string. Only what was asked for can be free text, so nothing is ever found."""

import re
import unicodedata
from collections.abc import Sequence

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.protocol import Reference, Refusal

_REFUSAL = Refusal("Please answer with a few words.")
_LEAD_IN = re.compile(
    r"(?:(?:hi|hello|hey|sure|ok|okay|yes|well|so|um|uh)[,.!]?\s+)*"
    r"(?:(?:my|the|our|his|her)\s(?:\w+\s){1,3}(?:is|are|'s|will\sbe|would\sbe)\s|(?:it|that|this)(?:'s|\u2019s|\sis)\s|"
    r"i(?:'m|\u2019m|\sam)\s(?:called\s)?|(?:please\s)?call\sme\s|they\scall\sme\s|(?:you\scan\s)call\sme\s|"
    r"the\sname(?:'s|\u2019s|\sis)\s|name(?:'s|\sis)\s|(?:please\s)?put\s(?:it\s)?down\s(?:as\s)?|i\sgo\sby\s)",
    re.IGNORECASE,
)
_COURTESY = re.compile(r"[,\s]+(?:please|thanks|thank\syou)[\s.!]*$", re.IGNORECASE)
_OUTER = " \t\r\n.,;:!?\"'`\u201c\u201d\u2018\u2019"


class StringReader:
    """Reads free text."""

    def parse(self, words: object, _definition: SlotDefinition, _reference: Reference) -> SlotValue | Refusal:
        """Takes the words without a lead-in ("my name is"), outer punctuation and space, in NFC."""
        if not isinstance(words, str):
            return _REFUSAL
        text = " ".join(unicodedata.normalize("NFC", words).split())
        text = _COURTESY.sub("", text)
        lead_in = _LEAD_IN.match(text)
        if lead_in and text[lead_in.end() :].strip(_OUTER):
            text = text[lead_in.end() :]
        return text.strip(_OUTER) or _REFUSAL

    def find(self, _message: str, _definition: SlotDefinition, _reference: Reference) -> Sequence[Candidate]:
        """Finds nothing: any words may be free text, so none is."""
        return ()
