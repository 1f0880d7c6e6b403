"""Secrets: texts that no log and no traceback shows."""

import os
from collections.abc import Mapping
from pathlib import Path

from parley_server.errors import InvalidSettings

_VARIABLES = ("PARLEY_API_KEY", "OPENAI_API_KEY")


class Secret:
    """A text that only shows itself when asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not for writing down")

    def reveal(self) -> str:
        """The text itself, for whoever it opens."""
        return self._text


def find_key(file: str, environment: Mapping[str, str] = os.environ) -> Secret | None:
    """The key of the model's server: a file's first word, or else `PARLEY_API_KEY` or `OPENAI_API_KEY`; None: none.

    Raises:
        InvalidSettings: The file can not be read, or is empty, or what is there can be no key.
    """
    if not file:
        return next((_secret(key, name) for name in _VARIABLES if (key := environment.get(name, "").strip())), None)
    try:
        words = Path(file).read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"--api-key-file: {file} can not be read") from error
    if not words:
        raise InvalidSettings(f"--api-key-file: {file} is empty")
    return _secret(words[0], f"--api-key-file: {file}")


def _secret(key: str, place: str) -> Secret:
    # It travels in a header, which takes nothing else: every call would fail without a word why.
    if not (key.isascii() and key.isprintable()):
        raise InvalidSettings(f"{place} holds no key: a key has plain letters, digits and signs alone")
    return Secret(key)
