"""Reads phone numbers, in digits and spoken: slots of the type phone. A number is kept in E.164, such as +14155550123.

A number without a country code is read as one of the locale's country, and may be in a range that is not in service
yet: ranges open faster than their lists are released. A number with a country code must be in a known range.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from parley_server.core.slots import Candidate, SlotDefinition, SlotValue
from parley_server.nlu.values.protocol import Reference, Refusal

_REFUSAL = Refusal("Please give a phone number with its area code, such as 415 555 0123 or +44 20 7946 0018.")
_DIGITS: Mapping[str, str] = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_EITHER = "|".join(_DIGITS)
_SPAN = re.compile(r"(?<![\w/#.@-])(?:\(?\+)?\(?\d(?:[\s().\-\u2010-\u2015\u00a0]{0,3}\d){6,16}(?![\w@])(?!-\w)")
_GATE = re.compile(rf"\d[\s().\-\u2010-\u2015\u00a0]{{0,3}}\d|(?:{_EITHER})[\s,.-]+(?:{_EITHER}|double|triple)\b")
_DIGIT = re.compile(r"\d")
_LENGTHS = range(10, 14)
"""How many digits a number has that stands among others."""
_TRIES = 4
"""How many ways of parting digits are tried."""
_MEANT = re.compile(r"\+?\(?\d[\d\s().-]{4,}\d")
_SPOKEN_DIGIT = rf"(?:(?P<times>double|triple)\s)?(?P<digit>{_EITHER})\b"
_SPOKEN_DIGITS = re.compile(_SPOKEN_DIGIT, re.IGNORECASE)
_SPOKEN = re.compile(
    rf"\b(?:plus\s)?(?:(?:double\s|triple\s)?(?:{_EITHER})\b[\s,.-]*){{5,16}}(?<![\s,.-])", re.IGNORECASE
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
        meant = _MEANT.search(words)
        return Refusal(_REFUSAL.reason, meant[0]) if meant else _REFUSAL

    def find(self, message: str, _definition: SlotDefinition, reference: Reference) -> Sequence[Candidate]:
        """Finds the numbers that can be called."""
        if not _GATE.search(message.lower()):
            return ()
        return [
            Candidate(value=number, raw=message[span], start=span.start)
            for number, span in _numbers(message, reference.region)
        ]


def _numbers(message: str, region: str) -> Iterator[tuple[str, slice]]:
    for match in _SPAN.finditer(message):
        number = _e164()(match[0], region, strict=False)
        if number:
            yield number, slice(*match.span())
        else:
            yield from _part(message, match, region)
    for match in _SPOKEN.finditer(message):
        number = _e164()(_in_digits(match[0]), region, strict=False)
        if number:
            yield number, slice(*match.span())


def _part(message: str, match: re.Match[str], region: str) -> Iterator[tuple[str, slice]]:
    """Looks for a number behind or before others, as in "MA 01566 415 555 0123"; it must be one in service."""
    gaps = [gap.span() for gap in re.finditer(r"\s+", match[0])]
    starts = [slice(match.start() + end, match.end()) for _, end in gaps]
    ends = [slice(match.start(), match.start() + start) for start, _ in reversed(gaps)]
    for span in [span for span in starts + ends if len(_DIGIT.findall(message[span])) in _LENGTHS][:_TRIES]:
        number = _e164()(message[span], region, strict=True)
        if number:
            yield number, span
            return


def _in_digits(words: str) -> str:
    """Writes spoken digits: "double five oh" is "550"."""
    times = {"double": 2, "triple": 3}
    plus = "+" if words.lower().startswith("plus") else ""
    return plus + "".join(
        _DIGITS[match["digit"].lower()] * times.get((match["times"] or "").lower(), 1)
        for match in _SPOKEN_DIGITS.finditer(words)
    )


@cache
def _e164() -> Callable[..., str | None]:
    # Imported when the first number comes: the tables of all countries are large.
    import phonenumbers  # noqa: PLC0415

    def e164(words: str, region: str, *, strict: bool) -> str | None:
        plain = words.replace("(0)", "")
        international = plain.lstrip("( ").startswith(("+", "00"))
        if plain.startswith("00"):
            plain = f"+{plain[2:]}"
        try:
            number = phonenumbers.parse(plain, region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
            if strict or international or not possible:
                return None
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    return e164
