"""Server-sent events, as far as models use them: the data of the events, in order.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncGenerator, AsyncIterator

_NO_FIELDS = (b"error:", b"{", b"<")
"""How lines begin in which servers and proxies tell of a failure in the midst of the events."""


async def event_data(body: AsyncIterator[bytes], *, longest: int) -> AsyncGenerator[list[bytes], None]:
    """The data of the events of a stream: of all together that came together.

    Args:
        body: The bytes, cut anywhere.
        longest: The most bytes that one event may take.

    Raises:
        ValueError: An event is longer, or something else came between the events.
    """
    rest = b""
    data: list[bytes] = []
    size = 0
    async for part in body:
        came: list[bytes] = []
        broken = False
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            field = line.rstrip(b"\r")
            if field.startswith(b"data:"):
                data.append(field[5:].removeprefix(b" "))
                size += len(field)
            elif not field and data:
                # An event without data is none.
                came += filter(None, [b"\n".join(data).strip()])
                data, size = [], 0
            elif field.startswith(_NO_FIELDS):
                broken = True
                break
        if came:
            yield came
        if broken:
            raise ValueError("what came is no event")
        if size + len(rest) > longest:
            raise ValueError("an event is too long")
