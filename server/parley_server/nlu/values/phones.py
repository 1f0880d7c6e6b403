"""Reads phone numbers: slots of the type phone. A number is kept in E.164, such as +14155550123.

A number without a country code is read as one of the locale's country, and may be in a range that is not in service
yet: ranges open faster than their lists are released. A number with a country code must be in a known range.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.protocol import Reference, Refusal

_REFUSAL = Refusal("Please give a phone number with its area code, such as 415 555 0123 or +44 20 7946 0018.")
_SPAN = re.compile(
    r"(?<![\w/#.@-])(?:\(?\+|00(?=\d{2}|\s\d))?\(?\d(?:[\s().\-\u2010-\u2015\u00a0]{0,3}\d){6,16}(?![\w@])(?!-\w)"
)
_DIGIT_WORDS = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_SPOKEN = re.compile(
    rf"\b(?:(?:double|triple)\s)?(?:{'|'.join(_DIGIT_WORDS)})(?:[\s-]+(?:(?:double|triple)\s)?(?:{'|'.join(_DIGIT_WORDS)}))+\b",
    re.I,
)


class PhoneReader:
    """Reads phone numbers."""

    def parse(self, words: object, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
        """Reads the one number that the words hold."""
        if not isinstance(words, str):
            return _REFUSAL
        numbers = {candidate.value for candidate in self.find(words, definition, reference)}
        if len(numbers) == 1:
            return numbers.pop()
        if numbers:
            return Refusal("Please give one phone number alone.", words.strip())
        meant = re.search(r"\+?\d[\d\s().-]{4,}\d", words)
        return Refusal(f"{meant[0]} is no phone number that can be called.", meant[0]) if meant else _REFUSAL

    def find(self, message: str, _definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the numbers that can be called."""
        return list(_numbers(message, reference.region))


def _numbers(message: str, region: str) -> Iterator[Candidate]:
    for match in _SPAN.finditer(message):
        number = _e164()(match[0], region)
        if number:
            yield Candidate(value=number, raw=match[0], start=match.start())


@cache
def _e164() -> Callable[[str, str], str | None]:
    # Imported when the first number comes: the tables of all countries are large.
    import phonenumbers  # noqa: PLC0415

    def e164(words: str, region: str) -> str | None:
        international = words.lstrip("( ").startswith(("+", "00"))
        plain = words.replace("(0)", "")
        if plain.startswith("00"):
            plain = "+" + plain[2:]
        try:
            number = phonenumbers.parse(plain, region)
        except phonenumbers.NumberParseException:
            return None
        valid = phonenumbers.is_valid_number(number)
        if not valid and (international or not phonenumbers.is_possible_number(number)):
            return None
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    return e164
