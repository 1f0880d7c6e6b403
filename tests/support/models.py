"""Calls of a model from where parley makes them: the provider, and the calls with their limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from support.model_exchange import Behaviour
from support.model_server import ModelServer

from parley_server.core.context import Message
from parley_server.models.calls import ModelCalls, ModelLimits
from parley_server.models.openai import OpenAIProvider
from parley_server.models.protocol import SYSTEM, ModelRequest, Piece, Purpose
from parley_server.models.secret import Secret

KEY = "sk-a-key-of-tests"
REQUEST = ModelRequest(
    purpose=Purpose.REPLY,
    prompt_version="reply-0",
    messages=(Message(SYSTEM, "Say hello."), Message("user", "hi")),
)
STRUCTURED = ModelRequest(
    purpose=Purpose.UNDERSTAND,
    prompt_version="understand-0",
    messages=(Message(SYSTEM, "Write JSON."), Message("user", "hi")),
    schema={"type": "object", "properties": {}, "required": [], "additionalProperties": False},
)


@asynccontextmanager
async def provider(*behaviours: Behaviour, strict: bool = True) -> AsyncIterator[tuple[ModelServer, OpenAIProvider]]:
    """A model's server that behaves so, and the provider that asks it."""
    async with ModelServer.running(*behaviours) as server:
        asked = OpenAIProvider(model="m", key=Secret(KEY), base_url=server.base_url, strict=strict)
        try:
            yield server, asked
        finally:
            await asked.close()


@asynccontextmanager
async def calls(
    *behaviours: Behaviour, first_token: float = 60.0, next_token: float = 60.0, **limits: int | timedelta
) -> AsyncIterator[tuple[ModelServer, ModelCalls]]:
    """A model's server that behaves so, and calls of it that bear its silence for so many seconds."""
    times = {"first_token": timedelta(seconds=first_token), "next_token": timedelta(seconds=next_token)}
    async with provider(*behaviours) as (server, asked):
        yield server, ModelCalls(asked, ModelLimits(**times, **limits))  # type: ignore[arg-type]  # names are its own


async def pieces(asked: OpenAIProvider, request: ModelRequest = REQUEST) -> list[Piece]:
    """All pieces of an answer."""
    return [piece async for piece in asked.stream(request)]
