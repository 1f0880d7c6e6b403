"""A model's server that costs next to nothing: `python -m benchmarks.model_server PORT [DELAY [TOKENS [GAP]]]`.

It speaks the OpenAI protocol. After DELAY seconds it answers, whole, with no slot found, or, where it is asked to
stream, with so many TOKENS, GAP seconds apart, or all in one piece.
"""

import asyncio
import json
import re
import sys

_CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAMS = re.compile(rb'"stream": *true')
_USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}


def _answer(kind: str, choice: dict[str, object], usage: object = _USAGE) -> bytes:
    said = {"id": "1", "object": kind, "created": 0, "model": "fake", "choices": [{"index": 0, **choice}]}
    return json.dumps({**said, "usage": usage}).encode()


def _event(data: bytes) -> bytes:
    event = b"data: %b\n\n" % data
    return b"%x\r\n%b\r\n" % (len(event), event)


def _piece(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    return _event(_answer("chat.completion.chunk", {"delta": delta, "finish_reason": finish_reason}, None))


_WHOLE = _answer("chat.completion", {"finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}})
_TOKEN = _piece({"content": "word "})
_END = _piece({}, "stop") + _event(_answer("chat.completion.chunk", {"delta": {}})) + _event(b"[DONE]") + b"0\r\n\r\n"


class FakeModel:
    """What answers."""

    def __init__(self, delay: float, tokens: int, gap: float) -> None:
        self._delay, self._tokens, self._gap = delay, tokens, gap

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers what comes over a connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if self._delay:
                    await asyncio.sleep(self._delay)
                await (self._stream(writer) if _STREAMS.search(body) else self._whole(writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _whole(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_WHOLE))
        writer.write(_WHOLE)

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if not self._gap:
            writer.write(_CHUNKED + _TOKEN * self._tokens + _END)
            return
        writer.write(_CHUNKED)
        for number in range(self._tokens):
            if number:
                await asyncio.sleep(self._gap)
            writer.write(_TOKEN)
        writer.write(_END)


async def main(port: str, delay: str = "0", tokens: str = "50", gap: str = "0") -> None:
    """Serves until it is ended."""
    model = FakeModel(float(delay), int(tokens), float(gap))
    server = await asyncio.start_server(model.serve, "127.0.0.1", int(port), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
