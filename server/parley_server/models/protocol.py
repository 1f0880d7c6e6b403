"""What a server that runs language models is to the rest of parley."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from parley_server.core.context import Json, Message, Usage

SYSTEM = "system"
"""The role of instructions. What users said never stands in a message of this role."""


class Purpose(StrEnum):
    """What a model is asked for."""

    UNDERSTAND = "understand"
    REPLY = "reply"
    SUMMARIZE = "summarize"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One question to a model."""

    purpose: Purpose
    messages: tuple[Message, ...]
    """The roles are `system`, `user` and `assistant`."""
    prompt_version: str
    """Which words of ours the instructions are made of."""
    model: str = ""
    """The model's name; empty: the provider's default."""
    schema: Mapping[str, Json] | None = None
    """The JSON Schema of the answer; None: it is a text."""
    max_tokens: int = 1024
    """The most tokens that the model may write."""
    temperature: float | None = None
    """How freely it writes; None: as the model does by itself. Models that reason take no other."""


class FinishReason(StrEnum):
    """Why a model stopped writing."""

    STOP = "stop"
    """It had said all."""
    LENGTH = "length"
    """It had written as much as it may."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of what a model writes."""

    reason: FinishReason
    usage: Usage | None
    """None: the server did not count."""


@dataclass(frozen=True, slots=True)
class Completion:
    """All that a model wrote."""

    text: str
    finish: Finish


Piece: TypeAlias = str | Finish
"""Some of the text, never empty; last, its end."""


class Provider(Protocol):
    """A server that runs models. It keeps no time and repeats nothing: `calls.ModelCalls` does.

    Implementations: `openai.OpenAIProvider`.
    """

    async def complete(self, request: ModelRequest) -> Completion:
        """Has a whole answer written.

        Raises:
            ModelUnavailable: There is no answer that could be used.
        """

    def stream(self, request: ModelRequest) -> AsyncGenerator[Piece, None]:
        """Has an answer written, and hands out its pieces as they come. Close it when it is left before its end.

        Raises:
            ModelUnavailable: There is no answer, or none that could be used, or it broke off.
        """

    async def close(self) -> None:
        """Gives back what it holds."""
