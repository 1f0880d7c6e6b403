"""Models behind the OpenAI protocol, chat completions: what most servers of models speak.

The package `openai` carries the requests, over aiohttp. The answers are read here, strictly and within a bound of
bytes: the package itself takes a page of HTML for an answer, and an answer that broke off for a whole one. No word of
what a failing server says goes on from here.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any, TypeVar, cast

import aiohttp
import httpx2
import msgspec
from openai import AsyncOpenAI, AsyncStream, OpenAIError

from parley_server.core.context import Usage
from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.models.http import ModelBody, ModelHttpClient
from parley_server.models.protocol import Completion, Finish, FinishReason, ModelRequest, Piece
from parley_server.models.secret import Secret
from parley_server.models.sse import event_data

logger = logging.getLogger(__name__)

_LONGEST_ANSWER = 1024 * 1024
_LONGEST_STREAM = 16 * 1024 * 1024
_LONGEST_EVENT = 64 * 1024
"""Bytes. Each token of a stream, also of what a model thinks and nobody is shown, is an event of some hundred."""
_MOST_TOKENS = 10_000_000
"""More than any call can use: what a server counts is kept, and added up."""
_DONE = b"[DONE]"
_NULL = msgspec.Raw(b"null")


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: Annotated[int, msgspec.Meta(ge=0)]
    completion_tokens: Annotated[int, msgspec.Meta(ge=0)]


class _ChunkChoice(msgspec.Struct):
    index: int | None = None
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_ChunkChoice] = []
    """Empty in an event that only keeps the connection alive, or counts, or tells of an error."""
    usage: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


class _AnswerChoice(msgspec.Struct):
    message: _Delta
    finish_reason: str
    index: int | None = None


class _Answer(msgspec.Struct):
    choices: list[_AnswerChoice]
    usage: msgspec.Raw = _NULL


_chunk = msgspec.json.Decoder(_Chunk)
_answer = msgspec.json.Decoder(_Answer)
_tokens = msgspec.json.Decoder(_Tokens)
_Read = TypeVar("_Read")
_Choice = TypeVar("_Choice", _ChunkChoice, _AnswerChoice)


class OpenAIProvider:
    """A server that speaks the protocol."""

    def __init__(self, *, model: str, key: Secret, base_url: str = "", strict: bool = True) -> None:
        """Takes the default model, the key, the address (empty: OpenAI's), and whether answers are bound to a schema.

        A server that does not know schemas is asked for JSON of any shape instead.

        Raises:
            OSError: The certificates for TLS can not be read.
        """
        # Talkative, the package logs whole requests, and so what users say; what it stands on logs each call.
        for name in ("openai", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._model = model
        self._strict = strict
        self._client = AsyncOpenAI(
            api_key=key.reveal(),
            base_url=base_url or None,
            max_retries=0,
            timeout=None,
            http_client=ModelHttpClient(tls=not base_url.lower().startswith("http://")),
            default_headers={"Accept-Encoding": "identity"},
        )
        # A whole address, which the package has not to put together for every call.
        self._address = str(self._client.base_url.join("chat/completions"))

    async def complete(self, request: ModelRequest) -> Completion:
        """Has a whole answer written."""
        async with self._response(request, stream=False) as body:
            data = b"".join([part async for part in body])
        answer = _read(_answer, data)
        choice = _first(answer.choices)
        if choice is None:
            raise ModelUnavailable(ModelFault.GARBLED)
        if choice.message.refusal:
            raise ModelUnavailable(ModelFault.REFUSED)
        finish = Finish(_reason(choice.finish_reason), _usage(answer.usage))
        if not choice.message.content:
            raise ModelUnavailable(ModelFault.EMPTY)
        return Completion(choice.message.content, finish)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Piece, None]:
        """Has an answer written, and hands out its text as it comes: what came together is one piece."""
        answer = _Streamed()
        try:
            async with (
                self._response(request, stream=True) as body,
                aclosing(event_data(body, longest=_LONGEST_EVENT)) as batches,
            ):
                async for batch in batches:
                    if text := answer.read(batch):
                        yield text
                    if answer.ended:
                        break
        except ModelUnavailable:
            if not answer.is_whole:
                raise
        yield answer.finish()

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    @asynccontextmanager
    async def _response(self, request: ModelRequest, *, stream: bool) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """Sends a request; its answer's body can be read while the context lasts."""
        body: ModelBody | None = None
        try:
            # With `stream` the package does not read the whole body first; with `cast_to` it hands the response over.
            sent = self._client.post(
                self._address,
                cast_to=httpx2.Response,
                content=msgspec.json.encode(self._body(request, stream=stream)),
                stream=True,
                stream_cls=AsyncStream[Any],
            )
            body = cast("ModelBody", cast("httpx2.Response", await sent).stream)
            yield _bounded(body, _LONGEST_STREAM if stream else _LONGEST_ANSWER)
            body.leave()
            body = None
        except ModelUnavailable:
            raise
        except (OpenAIError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            raise ModelUnavailable(ModelFault.UNREACHABLE) from error
        except (ValueError, aiohttp.ClientError):
            # What is no HTTP comes as an error of aiohttp's own, which quotes what the server sent.
            raise ModelUnavailable(ModelFault.GARBLED) from None
        finally:
            if body is not None:
                await body.aclose()

    def _body(self, request: ModelRequest, *, stream: bool) -> Mapping[str, object]:
        body: dict[str, object] = {
            "model": request.model or self._model,
            "messages": [{"role": message.role, "content": message.text} for message in request.messages],
            "max_completion_tokens": request.max_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema is not None and self._strict:
            schema = {"name": request.purpose.value, "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.schema is not None:
            body["response_format"] = {"type": "json_object"}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body


class _Streamed:
    """What has been read of an answer that comes in pieces."""

    def __init__(self) -> None:
        self.ended = False
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._empty = True
        self._fault: ModelUnavailable | None = None

    def read(self, events: Iterable[bytes]) -> str:
        """Reads events up to the answer's end; returns the text that they add."""
        text = ""
        for data in events:
            if data == _DONE:
                self.ended = True
                break
            try:
                text += self._text(data)
            except ModelUnavailable as fault:
                self._fault, self.ended = fault, True
                break
        return text

    @property
    def is_whole(self) -> bool:
        """Whether the answer is complete: what goes wrong from then on, such as the count, takes nothing from it."""
        refused = self._fault is not None and self._fault.fault is ModelFault.REFUSED
        return self._reason is not None and not self._empty and not refused

    def finish(self) -> Finish:
        """How the answer ended.

        Raises:
            ModelUnavailable: The stream ended, but not the answer, or there was none, or it was none.
        """
        if self._reason is None or not self.is_whole:
            raise self._fault or ModelUnavailable(ModelFault.GARBLED if self._reason is None else ModelFault.EMPTY)
        return Finish(self._reason, self._usage)

    def _text(self, data: bytes) -> str:
        chunk = _read(_chunk, data)
        if chunk.error != _NULL:
            raise ModelUnavailable(ModelFault.GARBLED)
        self._usage = _usage(chunk.usage) or self._usage
        choice = _first(chunk.choices)
        if choice is None:
            return ""
        if choice.delta.refusal:
            raise ModelUnavailable(ModelFault.REFUSED)
        if choice.finish_reason:
            self._reason = _reason(choice.finish_reason)
        text = choice.delta.content or ""
        self._empty = self._empty and not text
        return text


async def _bounded(body: AsyncIterable[bytes], longest: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for part in body:
        size += len(part)
        if size > longest:
            raise ModelUnavailable(ModelFault.GARBLED)
        yield part


def _read(decoder: "msgspec.json.Decoder[_Read]", data: bytes) -> _Read:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ModelUnavailable(ModelFault.GARBLED) from None


def _reason(given: str) -> FinishReason:
    if given == "content_filter":
        raise ModelUnavailable(ModelFault.REFUSED)
    try:
        return FinishReason(given)
    except ValueError:
        # A tool call or what else may come: nothing that was asked for.
        raise ModelUnavailable(ModelFault.GARBLED) from None


def _first(choices: Iterable[_Choice]) -> _Choice | None:
    """The choice that was asked for: some servers write more of them than one."""
    return next((choice for choice in choices if not choice.index), None)


def _usage(given: msgspec.Raw) -> Usage | None:
    """What the server counted; None: nothing, or nothing that makes sense."""
    if given == _NULL:
        return None
    try:
        tokens = _tokens.decode(given)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # The answer is as good without.
        return None
    return Usage(min(tokens.prompt_tokens, _MOST_TOKENS), min(tokens.completion_tokens, _MOST_TOKENS))
