"""Calls of a real model, recorded once and played again in tests.

A test opens a cassette and gives its `base_url` to whoever calls the model:

    async with cassette(ROOT / "tests/cassettes/booking.jsonl") as server: ...

With nothing else set the answers come out of the file, and a request that is not in it fails the test and says what
differs. To record the file anew, run that test against a real server:

    CASSETTE_BASE_URL=https://model.example/v1 CASSETTE_API_KEY=... CASSETTE_MODEL=... pytest tests/... -k ...

The key goes to that server alone; a key that the caller sends is not passed on. `CASSETTE_MODEL` stands in for the
model that the test names, so that the test need not know who was recorded. Read the file before it is committed: it has
the words of the test and of the model. It has no keys, no cookies, no headers but those that a caller reads, and no ids
of requests, organisations and accounts.

A file has one `Tape` a line, as JSON. Requests are found by their digest, so that words in them may be blotted out.
"""

import difflib
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
from support.cassette_scrubbing import digest, scrubbed, scrubbed_events, scrubbed_text
from support.model_exchange import Body, Exchange
from support.model_server import ModelServer

BASE_URL, API_KEY, MODEL = "CASSETTE_BASE_URL", "CASSETTE_API_KEY", "CASSETTE_MODEL"

_KEPT_HEADERS = ("Content-Type", "Retry-After", "Retry-After-Ms")
_EVENTS = "text/event-stream"


@asynccontextmanager
async def cassette(path: Path) -> AsyncIterator[ModelServer]:
    """A server that plays a cassette, or records it anew if the environment names a real server."""
    base_url = os.environ.get(BASE_URL)
    if base_url is None:
        async with replaying(path) as server:
            yield server
    else:
        key, model = os.environ.get(API_KEY, ""), os.environ.get(MODEL)
        async with recording(path, base_url=base_url, key=key, model=model) as server:
            yield server


@asynccontextmanager
async def recording(path: Path, *, base_url: str, key: str, model: str | None = None) -> AsyncIterator[ModelServer]:
    """Passes calls on to a real server; writes them into a new cassette if the context ends well."""
    async with aiohttp.ClientSession() as session:
        recorder = Recorder(session, base_url=base_url, key=key, model=model)
        async with ModelServer.running(recorder) as server:
            yield server
    _write(path, recorder.tapes)


@asynccontextmanager
async def replaying(path: Path) -> AsyncIterator[ModelServer]:
    """Answers out of a cassette: each recorded call once, equal requests in the order of the recording."""
    async with ModelServer.running(Replayer(_read(path))) as server:
        yield server


@dataclass(slots=True, kw_only=True)
class Tape:
    """One recorded call."""

    digest: str
    """Of the request."""
    request: Body
    status: int
    headers: dict[str, str]
    """Of the answer, those that a caller reads."""
    chunks: list[str] = field(default_factory=list)
    """The body of the answer: one part, or an event each of a stream. What is no UTF-8 is in surrogates."""
    whole: bool = False
    """False: the connection broke after the last chunk, or the caller left."""


class Recorder:
    """Passes a call on, and its answer back as it comes."""

    def __init__(self, session: aiohttp.ClientSession, *, base_url: str, key: str, model: str | None) -> None:
        self._session = session
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._key = key
        self._model = model
        self.tapes: list[Tape] = []

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        asked = exchange.request.body
        body = asked if self._model is None else {**asked, "model": self._model}
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        async with self._session.post(self._url, json=body, headers=headers, allow_redirects=False) as response:
            kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            request = scrubbed(asked, self._key)
            tape = Tape(digest=digest(request), request=request, status=response.status, headers=kept)
            self.tapes.append(tape)
            await self._relay(exchange, response, tape)

    async def _relay(self, exchange: Exchange, response: aiohttp.ClientResponse, tape: Tape) -> None:
        received = bytearray()
        try:
            await exchange.begin(tape.status, headers=tape.headers)
            async for data in response.content.iter_any():
                received += data
                await exchange.write(data)
            tape.whole = True
        except aiohttp.ClientError:
            exchange.reset()
        finally:
            text = received.decode(errors="surrogateescape")
            streamed = response.content_type == _EVENTS
            tape.chunks = scrubbed_events(text, self._key) if streamed else [scrubbed_text(text, self._key)]


class Replayer:
    """Answers what was recorded, and nothing else."""

    def __init__(self, tapes: Sequence[Tape]) -> None:
        self._tapes = tapes
        self._left = list(tapes)

    async def answer(self, exchange: Exchange) -> None:
        """Answers one call."""
        request = scrubbed(exchange.request.body, "")
        tape = next((tape for tape in self._left if tape.digest == digest(request)), None)
        if tape is None:
            raise AssertionError(self._difference(request))
        self._left.remove(tape)
        await exchange.begin(tape.status, headers=tape.headers)
        for chunk in tape.chunks:
            await exchange.write(chunk.encode(errors="surrogateescape"))
        if not tape.whole:
            exchange.reset()

    def _difference(self, request: Body) -> str:
        """Why a request has no answer."""
        if any(tape.digest == digest(request) for tape in self._tapes):
            return "this request was made more often than it was recorded:\n" + "\n".join(_lines(request))
        if not self._tapes:
            return "the cassette is empty"
        asked = _lines(request)
        closest = max(
            (_lines(tape.request) for tape in self._tapes),
            key=lambda lines: difflib.SequenceMatcher(None, lines, asked, autojunk=False).ratio(),
        )
        difference = difflib.unified_diff(closest, asked, "recorded", "asked", lineterm="")
        return "this request is not in the cassette; it differs from the closest one:\n" + "\n".join(difference)


def _lines(request: Body) -> list[str]:
    return json.dumps(request, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def _read(path: Path) -> list[Tape]:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not recorded yet: run this test with {BASE_URL} and {API_KEY} set")
    return [Tape(**json.loads(line)) for line in path.read_text().splitlines()]


def _write(path: Path, tapes: Sequence[Tape]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(asdict(tape)) + "\n" for tape in tapes))
