"""Reads e-mail addresses, written and spoken: slots of the type email. An address is lower case, and is not looked up.

This module must not know slots of other types.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.clauses import word_set
from parley_server.nlu.values.protocol import Reference, Refusal
from parley_server.nlu.values.words import folded

_REFUSAL = Refusal("Please give an e-mail address, such as ann@example.com.")

_WRITTEN = re.compile(r"[\w.+%'!#$&*/=?^{|}~-]*@(?:[^\W_][\w-]*(?:\.[\w-]+)*)?")
_ENDING = re.compile(r".@.+\.[^\W\d_][\w-]+$")
"""No top-level domain has a single letter."""
_OUTER = ".'!#$&*/=?^{|}~-"
_NAME = r"[a-z0-9+%_-]+(?:\.[a-z0-9+%_-]+)*"
_JOINT = r"\s+(?:dot|period|underscore|dash|hyphen|plus)\s+"
_SPOKEN = re.compile(
    rf"(?P<local>{_NAME}(?:{_JOINT}{_NAME})*)(?:\s+at\s+|\s*@\s*)"
    rf"(?P<domain>[a-z0-9-]+(?:\s+(?:dash|hyphen)\s+[a-z0-9-]+)*(?:\s+dot\s+[a-z0-9-]+|\.[a-z][a-z0-9-]*)+)"
)
_SPOKEN_GATE = re.compile(r"\s(?:dot|dash|hyphen)\s|\sat\s+[a-z0-9-]+\.[a-z]|\s@|@\s")
"""What every spoken address has. Costs far less than to look for one."""
_BRACKETS = frozenset("([{<")
_BRACKETED = re.compile(r"[(\[{<]\s*(?:@|at|dot|period|point|underscore|dash|hyphen|plus)\s*[)\]}>]")
_SIGNS = {"dot": ".", "period": ".", "point": ".", "underscore": "_", "dash": "-", "hyphen": "-", "plus": "+"}
_SIGN = re.compile(rf"\s+({'|'.join(_SIGNS)})\s+")
_REACH = 40
"""How many characters before a spoken address are looked at."""
_CUE = re.compile(r"(?:^\W*|\b(?:e-?mail|address|mail|it's|its|is|to|me at|reach me|contact)\b[\s:]*)$")
_NOT_LOCAL = word_set(
    "me us him her them look meet site available is are be up in out here there back page website online it this that "
    "you call find check see shop stay room arrive was work working order buy"
)


class EmailReader:
    """Reads e-mail addresses."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads the one address that the words hold."""
        if not isinstance(words, str):
            return _REFUSAL
        addresses = {candidate.value for candidate in self.find(words, definition, reference)}
        if len(addresses) == 1:
            return addresses.pop()
        if addresses:
            return Refusal("Please give one e-mail address alone.", words.strip())
        meant = next((word for word in words.split() if "@" in word.strip("@")), "")
        return Refusal(_REFUSAL.reason, meant)

    def find(self, message: str, _definition: SlotDefinition, _reference: Reference) -> Sequence[Candidate]:
        """Finds the well-formed addresses."""
        text = folded(message)
        found = list(_written(message, text)) if "@" in text else []
        # What is spelled out in brackets is read as if it were spoken: "ann (at) example [dot] com".
        spoken = _BRACKETED.sub(lambda sign: f" {sign[0][1:-1]} ", text)
        if _SPOKEN_GATE.search(spoken):
            found += _spoken(message, spoken, tuple(found))
            found.sort(key=lambda candidate: candidate.start)
        return found


def _written(message: str, text: str) -> Iterator[Candidate]:
    for match in _WRITTEN.finditer(text):
        words = match[0].lstrip(_OUTER).rstrip(_OUTER)
        start = match.start() + len(match[0]) - len(match[0].lstrip(_OUTER))
        address = _normal(words)
        if address:
            yield Candidate(value=address, raw=message[start : start + len(words)], start=start)


def _spoken(message: str, text: str, written: Sequence[Candidate]) -> Iterator[Candidate]:
    for match in _SPOKEN.finditer(text):
        if any(match.start() < other.end and other.start < match.end() for other in written):
            continue
        local = match["local"]
        told = " dot " in match["domain"] or "@" in match[0] or not _BRACKETS.isdisjoint(message[slice(*match.span())])
        alone = _CUE.search(text, max(0, match.start() - _REACH), match.start())
        if local in _NOT_LOCAL or not (told or alone):
            continue
        domain = _SIGN.sub(lambda sign: _SIGNS[sign[1]], match["domain"])
        address = _normal(_SIGN.sub(lambda sign: _SIGNS[sign[1]], local) + "@" + domain)
        if address:
            yield Candidate(value=address, raw=message[match.start() : match.end()], start=match.start(), score=0.9)


def _normal(words: str) -> str | None:
    """Returns the address in its normal form; None if it is not well-formed."""
    if not _ENDING.search(words):
        return None
    return _validator()(words)


@cache
def _validator() -> Callable[[str], str | None]:
    # Imported when the first address comes: the import costs more than the whole start of the server may.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    def normal(words: str) -> str | None:
        try:
            return validate_email(words, check_deliverability=False, test_environment=True).normalized.lower()
        except EmailNotValidError:
            return None

    return normal
