"""Digits with marks in them: which mark parts the decimals, and which the thousands.

"1,234.56", "1.234,56" and "1 234,56" tell it themselves, and so does "49,90". Of "1.234" and "1,234" the language of
the locale decides. This module must not know numerals in words.
"""

import re

COMMA_LANGUAGES = frozenset({
    "bg", "cs", "da", "de", "el", "es", "et", "fi", "fr", "hr", "hu", "id", "is", "it", "lt", "lv", "nb", "nl", "nn",
    "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk", "vi",
})  # fmt: skip
"""The languages that write decimals behind a comma."""

_MARKED = re.compile(
    r"(?P<sign>(?:€|\bEUR)\s?)?(?<![\w.,'])(?P<digits>\d+(?:[.,']\d+)+(?:,-)?(?![\w'])(?![.,]\d)"
    r"|\d{1,3}(?: \d{3})*(?: 000(?![\w.,]\d)|,\d{1,2}(?![\w.,]\d)))(?P<euro>\s?(?:€|EUR\b|[Ee]uros?\b))?"
)
_GATE = re.compile(r"\d[.,' ]\d")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_EITHER = re.compile(r"\d{1,3}(?:[.' ]\d{3})*,(?:\d{1,2}|-)|\d+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}|\d{1,3}(?: \d{3})+")
"""What is read so whatever the locale."""
_COMMA = re.compile(r"\d{1,3}(?:\.\d{3})+|\d+,\d+")
"""What is read so where decimals stand behind a comma."""
_SWAPPED = str.maketrans(".,' ", ",.,,")


def with_points(text: str, *, commas: bool) -> str:
    """Writes the digits of a text with a point before the decimals and commas between thousands.

    Args:
        text: The text.
        commas: Whether the locale has a comma before the decimals.
    """
    return _MARKED.sub(lambda match: _rewritten(match, commas=commas), text) if _GATE.search(text) else text


def _rewritten(match: re.Match[str], *, commas: bool) -> str:
    digits = match["digits"]
    # Nobody writes a price in euros to the tenth of a cent.
    in_euros = bool(match["sign"] or match["euro"]) and _THOUSANDS.fullmatch(digits)
    if in_euros or _EITHER.fullmatch(digits) or (commas and _COMMA.fullmatch(digits)):
        swapped = digits.translate(_SWAPPED)
        return match[0].replace(digits, swapped)
    return match[0].replace("'", ",") if "'" in digits else match[0]
