"""One call of a language model and its answer on the wire, as the OpenAI protocol for chat completions has them."""

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

Body = dict[str, Any]
"""The JSON of a request."""

Usage = tuple[int, int]
"""Tokens of the prompt, tokens of the answer."""

DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class ModelRequest:
    """What a caller asked, and how much of the answer was written so far."""

    body: Body
    headers: Mapping[str, str]
    """Their case does not matter."""
    written: int = 0
    """Bytes of the answer's body."""

    @property
    def streamed(self) -> bool:
        """Whether the caller wants events in place of one JSON."""
        return bool(self.body.get("stream"))

    @property
    def format(self) -> str:
        """What the answer shall be: `text`, `json_object` or `json_schema`."""
        wanted: str = (self.body.get("response_format") or {"type": "text"})["type"]
        return wanted

    @property
    def schema(self) -> Body:
        """The JSON schema that the answer shall have."""
        found: Body = self.body["response_format"]["json_schema"]["schema"]
        return found

    def said(self, role: str) -> str:
        """All messages of a role, one below the other."""
        return "\n".join(message["content"] for message in self.body["messages"] if message["role"] == role)


class Exchange:
    """A request, and the hand that writes its answer."""

    def __init__(self, http: web.Request, request: ModelRequest) -> None:
        self.request = request
        self.response = web.StreamResponse()
        self._http = http

    @property
    def begun(self) -> bool:
        """Whether a status was sent."""
        return self.response.prepared

    @property
    def caller(self) -> object:
        """Where the request came from: each connection has a port of its own."""
        assert self._http.transport is not None
        return self._http.transport.get_extra_info("peername")

    async def begin(
        self,
        status: int = 200,
        *,
        content_type: str = "application/json",
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Sends the status and the headers; without a length the body goes in chunks."""
        self.response.set_status(status)
        self.response.headers.update({"Content-Type": content_type, "x-request-id": "req_7f3a9c", **(headers or {})})
        self.response.content_length = length
        await self.response.prepare(self._http)

    async def write(self, data: bytes) -> None:
        """Sends a part of the body at once."""
        await self.response.write(data)
        self.request.written += len(data)

    async def answer(
        self,
        data: bytes,
        status: int = 200,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Sends a whole answer."""
        await self.begin(status, content_type=content_type, length=len(data), headers=headers)
        await self.write(data)

    async def begin_events(self) -> None:
        """Sends the headers of a stream."""
        await self.begin(content_type="text/event-stream")

    async def event(self, payload: object) -> None:
        """Sends one event of a stream."""
        await self.write(event(payload))

    def end_with(self, data: bytes) -> None:
        """Sends these bytes as they are, whether they are HTTP or not, and ends the connection."""
        transport = self._http.transport
        if transport is not None:
            transport.write(data)
            transport.close()

    def reset(self) -> None:
        """Ends the connection as a crash of the server does; what was written before is not taken back."""
        transport = self._http.transport
        if transport is not None:
            at_once = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            transport.abort()


class Behaviour(Protocol):
    """How a model's server answers."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""


def encoded(payload: object) -> bytes:
    """A payload as JSON."""
    return json.dumps(payload).encode()


def event(payload: object) -> bytes:
    """A payload as an event of a stream."""
    return b"data: " + encoded(payload) + b"\n\n"


def failure(message: str, kind: str = "server_error", code: str | None = None) -> Body:
    """What a failed call has for a body."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def completion(message: Body, *, finish_reason: str | None = "stop", usage: Usage | None = None) -> Body:
    """What a whole answer is; `message` need not have a role."""
    whole = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {"index": 0, "message": whole, "logprobs": None, "finish_reason": finish_reason}
    counted = {} if usage is None else {"usage": _counts(usage)}
    return {**_envelope("chat.completion"), "choices": [choice], **counted}


def chunk(delta: Body, *, finish_reason: str | None = None) -> Body:
    """What one event of a stream is."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**_envelope("chat.completion.chunk"), "choices": [choice], "usage": None}


def usage_chunk(usage: Usage) -> Body:
    """The last event of a stream whose caller asked for the usage."""
    return {**_envelope("chat.completion.chunk"), "choices": [], "usage": _counts(usage)}


def _envelope(kind: str) -> Body:
    return {
        "id": "chatcmpl-7f3a9c21",
        "object": kind,
        "created": 1772618400,
        "model": "test-model",
        "system_fingerprint": "fp_7f3a9c21",
    }


def _counts(usage: Usage) -> Body:
    asked, answered = usage
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
