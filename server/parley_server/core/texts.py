"""Texts that an assistant says: plain strings, or templates that were compiled when the assistant was loaded.

This module must not know any template language: `parley_server.assistants` compiles them.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

Template: TypeAlias = Callable[[Mapping[str, object]], str]
"""Writes a text out of the names of a `Scope`. Pure."""

Text: TypeAlias = str | Template
"""What an assistant says; a plain string stands for itself."""


def render(text: Text, names: Mapping[str, object]) -> str:
    """Writes the text out, without white space around it."""
    return (text if isinstance(text, str) else text(names)).strip()
