"""Effects: what a turn needs from the world while it is decided, said as data; whoever takes the turn carries it out.

This module must not know what is decided: `turn`, `course` and `filling` yield these and are sent the results.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from parley_server.core.understanding import Situation

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Understand:
    """Have the message read; send back the `Understanding`."""

    message: str
    situation: Situation


@dataclass(frozen=True, slots=True)
class Perform:
    """Run an author's code; send back what it returns, awaited if need be. A plain function may block."""

    code: Callable[..., Any]
    arguments: tuple[object, ...]
    place: str
    """Whose code it is, for who reads of its failure: `flow/state`, or `slots/NAME`."""


Effect: TypeAlias = Understand | Perform
Steps: TypeAlias = Generator[Effect, object, _T]
"""Something that is decided in steps, between which it is sent the results of its effects."""
