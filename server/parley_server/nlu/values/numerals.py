"""Numerals in English text, in digits and in words: "1,250", "2.5 million", "twenty-one", "five and a half", "3/4".

This module knows what a numeral is worth. It must not know what is counted: `numbers` does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto


def numbered(words: str, *, first: int) -> dict[str, int]:
    """Numbers words from `first` on; words with a bar between them have one number."""
    return {word: number for number, group in enumerate(words.split(), first) for word in group.split("|")}


SMALL: Mapping[str, int] = numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    first=0,
)
TENS: Mapping[str, int] = {
    word: 10 * value
    for word, value in numbered("twenty thirty forty|fourty fifty sixty seventy eighty ninety", first=2).items()
}
ORDINALS: Mapping[str, int] = numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth",
    first=1,
) | {"thirtieth": 30}

_SCALES: Mapping[str, int] = {
    "thousand": 10**3,
    "lakh": 10**5,
    "lac": 10**5,
    "lkh": 10**5,
    "million": 10**6,
    "mil": 10**6,
    "mio": 10**6,
    "crore": 10**7,
    "koti": 10**7,
    "krore": 10**7,
    "billion": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
}
_LETTERS: Mapping[str, int] = {"k": 10**3, "m": 10**6, "mm": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_PARTS: Mapping[str, int] = {
    **{word: value for word, value in ORDINALS.items() if value > 2},
    "half": 2,
    "quarter": 4,
    "hundredth": 10**2,
    "thousandth": 10**3,
    "millionth": 10**6,
    "billionth": 10**9,
    "trillionth": 10**12,
}
_GLYPHS: Mapping[str, tuple[int, int]] = {
    "½": (1, 2), "¼": (1, 4), "¾": (3, 4), "⅓": (1, 3), "⅔": (2, 3), "⅕": (1, 5), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8),
    "⅞": (7, 8),
}  # fmt: skip


class _Kind(Enum):
    DIGITS = auto()
    SMALL = auto()
    TENS = auto()
    MULTIPLE = auto()
    """Hundred and dozen: they multiply what is counted so far, and more may be added."""
    SCALE = auto()
    PART = auto()
    """What a fraction divides by."""
    PARTS = auto()
    """The same in the plural, which is never an ordinal number."""
    ORDINAL = auto()
    GLYPH = auto()
    LINK = auto()


def _vocabulary() -> dict[str, tuple[_Kind, Decimal]]:
    table = {word: (_Kind.PART, value) for word, value in _PARTS.items()}
    table |= {word + "s": (_Kind.PARTS, value) for word, value in _PARTS.items()} | {"halves": (_Kind.PARTS, 2)}
    table |= {"second": (_Kind.ORDINAL, 2), "first": (_Kind.ORDINAL, 1)}
    table |= {word: (_Kind.SMALL, value) for word, value in SMALL.items()}
    table |= dict.fromkeys(("naught", "nought"), (_Kind.SMALL, 0))
    table |= {word: (_Kind.TENS, value) for word, value in TENS.items()}
    for word, value in _SCALES.items():
        table |= {word: (_Kind.SCALE, value), word + "s": (_Kind.SCALE, value)}
    for word, value in (("hundred", 100), ("dozen", 12)):
        table |= {word: (_Kind.MULTIPLE, value), word + "s": (_Kind.MULTIPLE, value)}
    table |= dict.fromkeys(("and", "a", "an", "of", "point", "minus", "negative", "/"), (_Kind.LINK, 0))
    table["couple"] = (_Kind.LINK, 2)
    return {word: (kind, Decimal(value)) for word, (kind, value) in table.items()} | {
        glyph: (_Kind.GLYPH, Decimal(above) / below) for glyph, (above, below) in _GLYPHS.items()
    }


_VOCABULARY = _vocabulary()
_TOKEN = re.compile(
    r"(?P<digits>(?<![\w.])(?:\d{1,3}(?:,\d{2,3})+(?!,?\d)|\d+)(?:\.\d+)?(?!\.\d)|(?<![\w.])\.\d+)"
    r"(?P<letter>(?:mm|MM|[mMgGbBtT]|\s*[kK]|\s(?:MM|[MGBT]))\b)?"
    rf"|(?P<word>[^\W\d_]+)|(?P<glyph>[{''.join(_GLYPHS)}])|(?P<slash>(?<=\d)/(?=\d))"
)
_GATE = re.compile(
    rf"[\d{''.join(_GLYPHS)}]|(?<![a-z])(?:{'|'.join((*SMALL, *TENS, *_SCALES))}"
    "|n[ao]ught|hundred|dozen|half|quarter|couple)"
)
_CLOSE = re.compile(r"\s*-?\s*")
_REACH = 30
"""How many characters before a numeral are looked at."""
_MINUS = re.compile(r"(?<!\S)[-\u2212]$|^\W*[-\u2212]\s*$")
_PRONOUN_BEFORE = re.compile(
    r"\b(?:this|that|the|which|each|every|any|no|another|some|an?(?: [a-z]+)?|first|second|third|last|[a-z]+er)\s+$"
)
_PRONOUN_AFTER = re.compile(
    r"\s+(?:of (?:the|these|those|them|your|my)|is|was|that|which|who|with|where|there|here|instead|[a-z]{2,}ed)\b"
    r"|[ -]way\b"
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A numeral in a text and its worth."""

    value: int | float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    value: Decimal
    start: int
    end: int


_END = _Token(_Kind.LINK, "", Decimal(0), 0, 0)


def has_numeral(text: str) -> bool:
    """Whether a text in lower case may hold a numeral. Costs far less than to look for it."""
    return _GATE.search(text) is not None


def numerals_in(text: str) -> list[Numeral]:
    """Finds the numerals of a text, in order. The letter case tells "10 M" (million) from "10 m" (metres)."""
    low = text.lower()
    if not has_numeral(low):
        return []
    found = []
    for run in _runs(text):
        at = 0
        while at < len(run):
            parser = _Parser(run, at)
            value = parser.numeral()
            start, at = run[at].start, max(parser.at, at + 1)
            if value is not None and not _is_pronoun(low, start, run[at - 1].end):
                found.append(_signed(text, value, start, run[at - 1].end))
    return found


def _runs(text: str) -> list[list[_Token]]:
    """Splits the tokens of a text where other words stand between them."""
    runs: list[list[_Token]] = []
    for match in _TOKEN.finditer(text):
        token = _token(match)
        if token is None:
            continue
        if runs and _CLOSE.fullmatch(text, runs[-1][-1].end, token.start):
            runs[-1].append(token)
        else:
            runs.append([token])
    return runs


def _token(match: re.Match[str]) -> _Token | None:
    text, start, end = match[0].lower(), match.start(), match.end()
    if match["digits"]:
        value = Decimal(match["digits"].replace(",", "")) * _LETTERS.get((match["letter"] or "").strip().lower(), 1)
        return _Token(_Kind.DIGITS, text, value, start, end)
    kind, value = _VOCABULARY.get(text, (None, Decimal(0)))
    return kind and _Token(kind, text, value, start, end)


def _is_pronoun(low: str, start: int, end: int) -> bool:
    """Whether the "one" of "that one is good" stands there, which counts nothing."""
    if low[start:end] != "one":
        return False
    return bool(_PRONOUN_AFTER.match(low, end) or _PRONOUN_BEFORE.search(low, max(0, start - _REACH), start))


def _signed(text: str, value: Decimal, start: int, end: int) -> Numeral:
    """Takes a minus sign before the digits along, if it is one: not the dash of "10-15" nor of "rooms - 2"."""
    minus = _MINUS.search(text, max(0, start - _REACH), start)
    if minus and text[start].isdigit():
        value, start = -value, minus.start()
    whole = value == value.to_integral_value()
    return Numeral(int(value) if whole else float(value), start, end)


class _Parser:
    """Reads one numeral from a run of tokens, from `at` on; `at` moves behind what was read."""

    def __init__(self, run: list[_Token], at: int) -> None:
        self._run = run
        self.at = at

    def numeral(self) -> Decimal | None:
        """Numeral := ["minus"] (fraction | amount ["and"] [fraction]) scale*."""
        sign = -1 if self._takes("minus", "negative") else 1
        value = self._fraction()
        if value is not None:
            self._take_of()
        else:
            value = self._amount()
            if value is None or self._is_ordinal():
                return None
            value += self._added_fraction()
        while self._peek().kind is _Kind.SCALE:
            value *= self._take().value
        return sign * value

    def _peek(self, ahead: int = 0) -> _Token:
        place = self.at + ahead
        return self._run[place] if place < len(self._run) else _END

    def _take(self) -> _Token:
        self.at += 1
        return self._run[self.at - 1]

    def _takes(self, *texts: str) -> bool:
        """Takes the next token if it is one of the texts."""
        if self._peek().text not in texts:
            return False
        self.at += 1
        return True

    def _take_of(self) -> None:
        """Takes the "of a" of "two thirds of a million"."""
        if self._peek().text == "of" and self._peek(1).text == "a" and self._peek(2).kind is _Kind.SCALE:
            self.at += 2

    def _is_ordinal(self) -> bool:
        """Whether what was read goes on as an ordinal number, as in "twenty second"; takes it along."""
        ordinal = self._peek().kind in {_Kind.ORDINAL, _Kind.PART} and self._peek().text not in {"half", "quarter"}
        self.at += ordinal
        return ordinal

    def _fraction(self) -> Decimal | None:
        """Fraction := glyph | digits "/" digits | amount part | ("a" | "one") ("half" | "quarter") | half "a" scale."""
        start = self.at
        first, second, third = self._peek(), self._peek(1), self._peek(2)
        if first.kind is _Kind.GLYPH:
            return self._take().value
        if second.text == "/" and third.kind is _Kind.DIGITS and first.value < third.value:
            self.at += 3
            return first.value / third.value
        if first.text in {"a", "an", "one"} and second.text in {"half", "quarter"}:
            self.at += 2
            return 1 / second.value
        skipped = 2 if second.text == "a" else 1
        if first.text == "half" and self._peek(skipped).kind in {_Kind.SCALE, _Kind.MULTIPLE}:
            self.at += skipped
            return self._take().value / 2
        above = self._amount()
        part = self._peek().kind
        if above is not None and (part is _Kind.PARTS or (part is _Kind.PART and above == 1)):
            return above / self._take().value
        self.at = start
        return None

    def _added_fraction(self) -> Decimal:
        """Reads the "and a half" of "five and a half", the "4/5" of "1 4/5", the "point five" of "two point five"."""
        start = self.at
        if self._takes("point"):
            digits = ""
            while (self._peek().kind is _Kind.SMALL and self._peek().value < 10) or self._peek().kind is _Kind.DIGITS:
                digits += str(self._take().value)
            if digits:
                return Decimal(f"0.{digits}")
        elif self._takes("and") or self._peek().kind in {_Kind.GLYPH, _Kind.DIGITS}:
            if self._peek(1).kind is _Kind.PART and self._takes("a", "an"):
                return 1 / self._take().value
            fraction = self._fraction()
            if fraction is not None:
                return fraction
        self.at = start
        return Decimal(0)

    def _amount(self) -> Decimal | None:
        """Amount := (count scale)* count, the scales falling; count is below a thousand, or in digits."""
        total, lowest = Decimal(0), Decimal("Infinity")
        started = False
        while (count := self._count(started=started)) is not None:
            started = True
            scale = self._peek()
            if scale.kind is not _Kind.SCALE or scale.value >= lowest:
                total += count
                break
            total += count * self._take().value
            lowest = scale.value
        return total if started else None

    def _count(self, *, started: bool) -> Decimal | None:
        """Reads what stands before a scale, or after the last one; an "and" before it only if `started`."""
        start = self.at
        if started and self._takes("and") and self._peek(1).kind in {_Kind.PART, _Kind.PARTS}:
            self.at = start
            return None
        if not started and self._takes("a", "an") and self._peek().text == "couple":
            return self._take().value
        token = self._peek()
        if token.kind in {_Kind.SCALE, _Kind.MULTIPLE} and not token.text.endswith("s") and not started:
            count = Decimal(1)
        elif token.kind in {_Kind.DIGITS, _Kind.SMALL, _Kind.TENS} and self._run[start].text not in {"a", "an"}:
            count = self._below_hundred()
        else:
            self.at = start
            return None
        if self._peek().kind is _Kind.MULTIPLE:
            count *= self._take().value
            count += self._rest_of_hundred()
        return count

    def _below_hundred(self) -> Decimal:
        token = self._take()
        if token.kind is _Kind.TENS:
            skip = 1 if self._peek().text == "and" and self._peek(2).kind not in {_Kind.PART, _Kind.PARTS} else 0
            unit = self._peek(skip)
            if unit.kind is _Kind.SMALL and 0 < unit.value < 10:
                self.at += skip + 1
                return token.value + unit.value
        return token.value

    def _rest_of_hundred(self) -> Decimal:
        skip = 1 if self._peek().text == "and" else 0
        follows = self._peek(skip + 1).kind in {_Kind.PART, _Kind.PARTS}
        counts = {_Kind.SMALL, _Kind.TENS, _Kind.DIGITS} if skip else {_Kind.SMALL, _Kind.TENS}
        if self._peek(skip).kind not in counts or follows:
            return Decimal(0)
        self.at += skip
        return self._below_hundred()
