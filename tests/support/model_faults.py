"""Models that do not work: every way in which a server of a language model fails, lies or does not end."""

import asyncio
import random
import zlib
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from enum import Enum

from support.model_answers import Says, TokenGate
from support.model_exchange import DONE, Behaviour, Exchange, chunk, completion, encoded, event, failure

CANARY = "canary-5d1e8b"
"""Stands in every text that a failing server sends, and must not come out of parley anywhere."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Status:
    """A server that refuses or fails."""

    code: int
    _: KW_ONLY
    retry_after: float | str | None = None
    """Seconds, or a date as HTTP has it."""
    message: str = f"The key sk-{CANARY} did not do."

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        await exchange.answer(encoded(failure(self.message)), self.code, headers=headers)


@dataclass(frozen=True, slots=True)
class Redirects:
    """A server that sends the caller elsewhere, where the key must not go."""

    location: str

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await exchange.answer(b"", 307, headers={"Location": self.location})


@dataclass(frozen=True, slots=True)
class Html:
    """A proxy that says with success that there is no server."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await exchange.answer(f"<html><h1>{CANARY}</h1></html>".encode(), content_type="text/html")


@dataclass(frozen=True, slots=True)
class NoHttp:
    """Something else that listens at the address, or a proxy that breaks what it passes on."""

    data: bytes = f"SSH-2.0-{CANARY}\r\n\r\n".encode()

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        exchange.end_with(self.data)


@dataclass(frozen=True, slots=True)
class Sends:
    """A server that sends this JSON, as one event and `[DONE]` if it is asked for a stream."""

    payload: object

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        if exchange.request.streamed:
            await exchange.begin_events()
            await exchange.event(self.payload)
            await exchange.write(DONE)
        else:
            await exchange.answer(encoded(self.payload))


_GOOD = completion({"content": "Hello."}, usage=(1, 1))
_GOOD_CHUNK = chunk({"content": "Hello."}, finish_reason="stop")

WRONG_SHAPES: dict[str, Sends] = {
    "another object": Sends({"answer": CANARY}),
    "a text": Sends(CANARY),
    "a number": Sends(7),
    "nothing": Sends(None),
    "a list": Sends([_GOOD]),
    "no choices": Sends({**_GOOD, "choices": []}),
    "choices that are null": Sends({**_GOOD, "choices": None}),
    "choices that are a text": Sends({**_GOOD, "choices": CANARY}),
    "a choice that is null": Sends({**_GOOD, "choices": [None]}),
    "a choice without message": Sends({**_GOOD, "choices": [{"index": 0, "finish_reason": "stop"}]}),
    "content that is a number": Sends(completion({"content": 7})),
    "content that is a list": Sends(completion({"content": [CANARY]})),
    "an error with success": Sends(failure(CANARY)),
}
"""Whole answers with success that are none, by what they are."""

WRONG_CHUNKS: dict[str, Sends] = {
    "another object": Sends({"answer": CANARY}),
    "a text": Sends(CANARY),
    "nothing": Sends(None),
    "no choices": Sends({**_GOOD_CHUNK, "choices": []}),
    "choices that are a text": Sends({**_GOOD_CHUNK, "choices": CANARY}),
    "a choice that is null": Sends({**_GOOD_CHUNK, "choices": [None]}),
    "a choice without delta": Sends({**_GOOD_CHUNK, "choices": [{"index": 0, "finish_reason": None}]}),
    "content that is a number": Sends(chunk({"content": 7}, finish_reason="stop")),
    "an error as an event": Sends(failure(CANARY)),
}
"""Streams that are one wrong event and `[DONE]`, by what the event is."""


@dataclass(frozen=True, slots=True)
class WholeAlways:
    """A server that does not know of streams: it answers with one JSON whatever it is asked."""

    text: str

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await exchange.answer(encoded(completion({"content": self.text}, usage=(20, 5))))


@dataclass(frozen=True, slots=True)
class WithoutSchemas:
    """A server that knows JSON mode and no JSON schema, and refuses what it does not know."""

    behaviour: Behaviour

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        unknown = exchange.request.format == "json_schema"
        behaviour = Status(400, message="response_format.type: unknown 'json_schema'") if unknown else self.behaviour
        await behaviour.answer(exchange)


class Ending(Enum):
    """How an answer ends before its end."""

    CUT = "cut"
    """In the middle of its JSON, and the server says that this is all."""
    RESET = "reset"
    """The connection breaks."""
    ERROR = "error"
    """The server says in the middle of it that something went wrong, as an event."""


@dataclass(frozen=True, slots=True)
class Breaks:
    """A server that does not come to the end of its answer."""

    ending: Ending
    _: KW_ONLY
    tokens: Sequence[str] = ("Hel", "lo")
    """What it says before; none and a reset: it breaks before the status."""
    gate: TokenGate | None = None
    """Holds back each token of a stream, and the break, so that a test can read all that came before it."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        if self.tokens or self.ending is not Ending.RESET:
            await self._begin(exchange)
        await self._pass_through()
        if self.ending is Ending.RESET:
            exchange.reset()
        elif self.ending is Ending.ERROR:
            await exchange.write(event(failure(CANARY)))
        elif exchange.request.streamed:
            await exchange.write(_first_half(event(chunk({"content": CANARY}))))

    async def _begin(self, exchange: Exchange) -> None:
        if exchange.request.streamed:
            await exchange.begin_events()
            for token in self.tokens:
                await self._pass_through()
                await exchange.event(chunk({"content": token}))
        else:
            await exchange.begin()
            await exchange.write(_first_half(encoded(completion({"content": "".join(self.tokens)}))))

    async def _pass_through(self) -> None:
        if self.gate is not None:
            await self.gate.pass_through()


def _first_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@dataclass(frozen=True, slots=True)
class NeverAnswers:
    """A server that takes the call, and that is all."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await asyncio.Event().wait()


class Filler(Enum):
    """What a server sends that is no answer; the value is what a stream carries, a whole answer carries blanks."""

    COMMENT = b": still thinking\n\n"
    BLANK_LINE = b"\n"
    EMPTY_DELTA = event(chunk({}))
    EMPTY_CONTENT = event(chunk({"content": ""}))
    REASONING = event(chunk({"reasoning_content": CANARY}))
    LINE_WITHOUT_END = b"data: "


@dataclass(frozen=True, slots=True)
class Drips:
    """A server that keeps the connection busy for ever, and says nothing."""

    filler: Filler
    _: KW_ONLY
    every: float
    """Seconds."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        if exchange.request.streamed:
            await exchange.begin_events()
        else:
            await exchange.begin()
        while True:
            await exchange.write(self.filler.value if exchange.request.streamed else b" ")
            await asyncio.sleep(self.every)


@dataclass(frozen=True, slots=True, kw_only=True)
class Huge:
    """A server that does not stop: one long content, or a stream of long tokens."""

    size: int = 150 * MIB
    """Bytes of content."""
    token: int = 65536
    """Bytes of each token of a stream, and of each part of a whole answer."""
    declared: bool = False
    """Whether a whole answer says beforehand how long it is."""
    compressed: bool = False
    """Whether it is small on the wire, and grows when it is unpacked."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        packer = zlib.compressobj(wbits=31) if self.compressed else None
        before, part, after = self._parts(streamed=exchange.request.streamed)
        length = len(before) + len(part) * self._repeats + len(after) if self.declared and not packer else None
        kind = "text/event-stream" if exchange.request.streamed else "application/json"
        headers = {"Content-Encoding": "gzip"} if packer else {}
        await exchange.begin(content_type=kind, length=length, headers=headers)
        for data in (before, *(part for _ in range(self._repeats)), after):
            packed = packer.compress(data) if packer else data
            if packed:
                await exchange.write(packed)
            # A caller that reads everything in this same loop must get its turn.
            await asyncio.sleep(0)
        if packer:
            await exchange.write(packer.flush())

    @property
    def _repeats(self) -> int:
        return max(1, self.size // self.token)

    def _parts(self, *, streamed: bool) -> tuple[bytes, bytes, bytes]:
        if streamed:
            return b"", event(chunk({"content": "x" * self.token})), event(chunk({}, finish_reason="stop")) + DONE
        before, after = encoded(completion({"content": "|"}, usage=(20, 5))).split(b"|")
        return before, b"x" * self.token, after


class Failing:
    """A server that fails a share of its calls, the same ones in each run."""

    def __init__(
        self, share: float, *, seed: int = 0, otherwise: Behaviour | None = None, failure: Behaviour | None = None
    ) -> None:
        self._share = share
        self._chance = random.Random(seed)
        self._otherwise = otherwise or Says("Hello.")
        self._failure = failure or Status(500)
        self.failed = 0
        """How many calls failed."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        fails = self._chance.random() < self._share
        self.failed += fails
        await (self._failure if fails else self._otherwise).answer(exchange)


@dataclass(frozen=True, slots=True)
class Raw:
    """A server that sends these bytes, as the data of one event if it is asked for a stream."""

    body: bytes

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        if exchange.request.streamed:
            await exchange.begin_events()
            await exchange.write(b"data: " + self.body + b"\n\n" + DONE)
        else:
            await exchange.answer(self.body)


@dataclass(frozen=True, slots=True)
class Streams:
    """A server that streams these bytes, whatever they are, and leaves it at that."""

    body: bytes
    _: KW_ONLY
    holds: bool = False
    """Whether the stream stays open then, as that of a server that hangs."""

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        await exchange.begin_events()
        await exchange.write(self.body)
        if self.holds:
            await asyncio.Event().wait()
