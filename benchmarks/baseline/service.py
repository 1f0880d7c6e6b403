"""A conversation service as a FastAPI application: `python -m benchmarks.baseline.service PORT MODEL_URL [REDIS_URL]`.

One endpoint, `/chat`. Each session is one document with all of its messages, kept in the process, or as JSON in Redis:
a turn gets it, asks the model for slots, moves the phase on, appends two messages and sets it again for an hour.
"""

import json
import sys
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI
from pydantic import BaseModel, Field
from redis import asyncio as redis

_HOUR = 3600
_REQUIRED = ("service", "date", "time", "name", "email")
_PROMPTS = {name: f"Please tell me the {name}." for name in _REQUIRED}


class Phase(StrEnum):
    """How far a conversation has come."""

    GREETING = "greeting"
    INFORMATION_GATHERING = "information_gathering"
    PROCESSING = "processing"
    CONFIRMATION = "confirmation"
    COMPLETION = "completion"


class Message(BaseModel):
    """One message of a conversation."""

    role: str
    content: str
    timestamp: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Conversation(BaseModel):
    """All of a session."""

    session_id: str
    phase: Phase = Phase.GREETING
    slots: dict[str, Any] = {}
    messages: list[Message] = []


class ChatRequest(BaseModel):
    """What a caller sends."""

    message: str
    session_id: str | None = None


class ChatResponse(BaseModel):
    """What a caller gets."""

    session_id: str
    reply: str
    phase: Phase
    slots: dict[str, Any]


class Conversations(Protocol):
    """Where conversations are kept."""

    async def load(self, session_id: str) -> Conversation: ...
    async def save(self, conversation: Conversation) -> None: ...


class InMemory:
    """Keeps them in the process."""

    def __init__(self) -> None:
        self._conversations: dict[str, Conversation] = {}

    async def load(self, session_id: str) -> Conversation:
        return self._conversations.get(session_id) or Conversation(session_id=session_id)

    async def save(self, conversation: Conversation) -> None:
        self._conversations[conversation.session_id] = conversation


class InRedis:
    """Keeps them as JSON in Redis."""

    def __init__(self, url: str) -> None:
        self._redis = redis.from_url(url)

    async def load(self, session_id: str) -> Conversation:
        document = await self._redis.get(f"session:{session_id}")
        return Conversation.model_validate_json(document) if document else Conversation(session_id=session_id)

    async def save(self, conversation: Conversation) -> None:
        await self._redis.set(f"session:{conversation.session_id}", conversation.model_dump_json(), ex=_HOUR)


class Dialog:
    """Takes turns."""

    def __init__(self, conversations: Conversations, model_url: str) -> None:
        self._conversations = conversations
        self._model = AsyncOpenAI(base_url=model_url, api_key="none")

    async def take(self, request: ChatRequest) -> ChatResponse:
        conversation = await self._conversations.load(request.session_id or uuid.uuid4().hex)
        conversation.slots |= await self._extract(request.message)
        reply = self._move_on(conversation)
        conversation.messages += [
            Message(role="user", content=request.message),
            Message(role="assistant", content=reply),
        ]
        await self._conversations.save(conversation)
        return ChatResponse(
            session_id=conversation.session_id, reply=reply, phase=conversation.phase, slots=conversation.slots
        )

    async def _extract(self, message: str) -> dict[str, Any]:
        instruction = f"Extract {', '.join(_REQUIRED)} from the message as a JSON object."
        completion = await self._model.chat.completions.create(
            model="fake",
            messages=[{"role": "system", "content": instruction}, {"role": "user", "content": message}],
            response_format={"type": "json_object"},
        )
        found: dict[str, Any] = json.loads(completion.choices[0].message.content or "{}")
        return found

    def _move_on(self, conversation: Conversation) -> str:
        missing = next((name for name in _REQUIRED if name not in conversation.slots), None)
        if missing:
            conversation.phase = Phase.INFORMATION_GATHERING
            return _PROMPTS[missing]
        conversation.phase = Phase.CONFIRMATION
        return "Shall I book it?"


def application(dialog: Dialog) -> FastAPI:
    """The web application."""
    app = FastAPI()

    @app.post("/chat")
    async def chat(request: ChatRequest) -> ChatResponse:
        return await dialog.take(request)

    return app


if __name__ == "__main__":
    port, model, *store = sys.argv[1:]
    served = application(Dialog(InRedis(store[0]) if store else InMemory(), model))
    uvicorn.run(served, host="127.0.0.1", port=int(port), log_level="warning")
