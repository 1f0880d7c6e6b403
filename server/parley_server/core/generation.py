"""Generation: texts that a language model writes, and how an assistant uses the model.

This module must not know how a model is asked: `parley_server.models` does.
"""

from dataclasses import dataclass
from enum import StrEnum

from parley_server.core.context import Summary
from parley_server.core.texts import Text


class Nlu(StrEnum):
    """Who understands messages."""

    RULES = "rules"
    """The rules alone: offline and deterministic."""
    OPENAI = "openai"
    """The model, with every message; the rules where it gives no answer."""
    CASCADE = "cascade"
    """The rules; the model where they leave open what was asked, or what the message is for."""


class Older(StrEnum):
    """What becomes of the turns for which a model's prompt has no room."""

    DROP = "drop"
    SUMMARIZE = "summarize"
    """The model sums them up, and is told that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """How an assistant uses the model."""

    name: str = ""
    """The model's name; empty: the server's."""
    instructions: str = ""
    """What the model is told with every text that it writes. No template: what users say never stands in it."""
    temperature: float | None = None
    """How freely it writes; None: as it does by itself."""
    recent_turns: int = 10
    """How many of the last turns it is shown at the most."""
    prompt_tokens: int = 3000
    """About how many tokens of them; the oldest are left out first."""
    older: Older = Older.DROP
    sensitive: bool = False
    """Whether it may be shown, and may propose, the values of sensitive slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A text that the model writes."""

    instructions: str
    """What it is to write. No template, as in `ModelProfile`."""
    otherwise: Text = ""
    """What is said where the model gives no answer; empty: the turn fails then."""
    max_tokens: int = 500
    """The most tokens that it may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What the model wrote."""

    text: str
    summary: Summary | None = None
    """A new summary of the turns that it is no longer shown; None: the old one stands."""
