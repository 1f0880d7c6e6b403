"""Models that work: what they say, how fast, and which of them answers a call."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from support.model_exchange import (
    DONE,
    Behaviour,
    Body,
    Exchange,
    ModelRequest,
    Usage,
    chunk,
    completion,
    encoded,
    usage_chunk,
)


class TokenGate:
    """Holds back every token until the test lets it go."""

    def __init__(self) -> None:
        self._permits = asyncio.Semaphore(0)
        self._open = False
        self.sent = 0
        """How many tokens were written to the caller."""

    def release(self, tokens: int = 1) -> None:
        """Lets so many more tokens go."""
        for _ in range(tokens):
            self._permits.release()

    def open(self) -> None:
        """Lets all go that wait, and all that come."""
        self._open = True
        self.release()

    async def pass_through(self) -> None:
        """Waits here for a place."""
        await self._permits.acquire()
        if self._open:
            self.release()


@dataclass(frozen=True, slots=True)
class Says:
    """A model that answers, whole or streamed as it is asked; a whole answer counts as one token at the gate."""

    text: str | Sequence[str] | None
    """A text is streamed by words, a sequence of tokens as it is. None: an answer without content."""
    _: KW_ONLY
    usage: Usage | None = (20, 5)
    """None: the server does not count. A stream says it if it was asked."""
    finish_reason: str | None = "stop"
    """None: the answer ends without one."""
    refused: bool = False
    """The text is why the model does not answer."""
    done: bool = True
    """Whether a stream ends with `[DONE]`."""
    gate: TokenGate | None = None
    wait: float = 0.0
    """Seconds between the headers and the first token."""
    drip: float = 0.0
    """Seconds between one token and the next."""

    @property
    def tokens(self) -> Sequence[str]:
        """What is sent, one after the other."""
        if self.text is None:
            return ()
        return re.findall(r"\s*\S+|\s+$", self.text) if isinstance(self.text, str) else self.text

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        if exchange.request.streamed:
            await self._stream(exchange)
        else:
            await self._whole(exchange)

    async def _whole(self, exchange: Exchange) -> None:
        message = {} if self.text is None else {self._field: "".join(self.tokens)}
        payload = encoded(completion(message, finish_reason=self.finish_reason, usage=self.usage))
        await exchange.begin(length=len(payload))
        await self._turn(self.wait)
        await exchange.write(payload)
        self._sent()

    async def _stream(self, exchange: Exchange) -> None:
        await exchange.begin_events()
        await exchange.event(chunk({"role": "assistant", "content": None if self.text is None else ""}))
        for number, token in enumerate(self.tokens):
            await self._turn(self.drip if number else self.wait)
            await exchange.event(chunk({self._field: token}))
            self._sent()
        if self.finish_reason is not None:
            await exchange.event(chunk({}, finish_reason=self.finish_reason))
        if self.usage is not None and (exchange.request.body.get("stream_options") or {}).get("include_usage"):
            await exchange.event(usage_chunk(self.usage))
        if self.done:
            await exchange.write(DONE)

    @property
    def _field(self) -> str:
        return "refusal" if self.refused else "content"

    async def _turn(self, pause: float) -> None:
        if pause:
            await asyncio.sleep(pause)
        if self.gate is not None:
            await self.gate.pass_through()

    def _sent(self) -> None:
        if self.gate is not None:
            self.gate.sent += 1


def says_json(values: Mapping[str, object], *, usage: Usage | None = (40, 10), gate: TokenGate | None = None) -> Says:
    """A model that understands: its answer is this object, whatever the schema that was asked for."""
    return Says(json.dumps(values), usage=usage, gate=gate)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model whose answer depends on what it is asked."""

    choose: Callable[[Body], Behaviour]
    """From the JSON of the request."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await self.choose(exchange.request.body).answer(exchange)


class Script:
    """Behaviours, one a call; the last is repeated."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._left = list(behaviours)

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        behaviour = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        await behaviour.answer(exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPurpose:
    """One behaviour for understanding, which asks for JSON, another for replies, which are text."""

    understanding: Behaviour
    replies: Behaviour

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        behaviour = self.replies if exchange.request.format == "text" else self.understanding
        await behaviour.answer(exchange)


@dataclass(frozen=True, slots=True)
class Late:
    """A server that takes its time before it sends so much as a status."""

    behaviour: Behaviour
    _: KW_ONLY
    seconds: float = 0.0
    gate: TokenGate | None = None

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await asyncio.sleep(self.seconds)
        if self.gate is not None:
            await self.gate.pass_through()
        await self.behaviour.answer(exchange)


def echo(body: Body) -> Says:
    """Says what the user said last; for `Chosen`."""
    messages: list[Body] = body["messages"]
    return Says([message["content"] for message in messages if message["role"] == "user"][-1:])


def echo_of_system_prompt(body: Body) -> Says:
    """Gives the instructions away, as a value of every property if JSON was asked for; for `Chosen`."""
    request = ModelRequest(body, {})
    prompt = request.said("system")
    if request.format == "text":
        return Says(prompt)
    properties = request.schema["properties"] if request.format == "json_schema" else ["prompt"]
    return says_json(dict.fromkeys(properties, prompt))
