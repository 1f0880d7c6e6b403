"""Effects: what a turn needs from the world while it is decided, said as data; whoever takes the turn carries it out.

This module must not know what is decided: `turn`, `course` and `filling` yield these and are sent the results.
"""

from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import msgspec

from parley_server.core.decision import Decision
from parley_server.core.generation import Generation, ModelProfile
from parley_server.core.slots import SlotDefinition
from parley_server.core.understanding import Situation

_T = TypeVar("_T")


class Understand(msgspec.Struct, frozen=True):
    """Have the message read; send back the `Understanding`."""

    message: str
    situation: Situation


class Perform(msgspec.Struct, frozen=True):
    """Run an author's code; send back what it returns, awaited if need be. A plain function may block."""

    code: Callable[..., Any]
    arguments: tuple[object, ...]
    place: str
    """Whose code it is, for who reads of its failure: `flow/state`, or `slots/NAME`."""


class Generate(msgspec.Struct, frozen=True, kw_only=True):
    """Have the model write a text; send back what it `Generated`, or the `ModelUnavailable` that tells why not."""

    generation: Generation
    profile: ModelProfile
    locale: str
    """The user's language and region, BCP 47."""
    definitions: Mapping[str, SlotDefinition]
    """The slots of the assistant."""
    message: str
    """What the user said."""
    now: datetime
    """The time of the turn, aware, in the user's time zone."""
    so_far: Decision
    """What the turn has come to before the text."""


Effect: TypeAlias = Understand | Perform | Generate
Steps: TypeAlias = Generator[Effect, object, _T]
"""Something that is decided in steps, between which it is sent the results of its effects."""
