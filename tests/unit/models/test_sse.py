"""Server-sent events: read the same wherever the bytes are cut, and never without a bound."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley_server.models.sse import event_data

STREAM = (
    b": a comment\n\ndata: one\n\ndata:two\r\n\r\nevent: x\nid: 7\ndata: th\ndata: ree\nretry: 1\n\n\n\n"
    b"event: ping\ndata:\n\ndata: \n\ndata\n\n"
    b"data: \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb\n\ndata: [DONE]\n\ndata: without an end"
)
EVENTS = [b"one", b"two", b"th\nree", "\U0001f469\u200d\U0001f4bb".encode(), b"[DONE]"]


async def cut(data: bytes, places: list[int]) -> AsyncIterator[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for begin, end in pairwise(bounds):
        yield data[begin:end]


async def events(body: AsyncIterator[bytes], *, longest: int) -> list[bytes]:
    return [data async for together in event_data(body, longest=longest) for data in together]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=40))
async def test_events_are_read_wherever_the_bytes_are_cut(places: list[int]) -> None:
    assert await events(cut(STREAM, places), longest=1000) == EVENTS


@pytest.mark.parametrize("data", [b"data: " + b"x" * 2000, b"data: x\n" * 300, b"x" * 2000])
async def test_an_event_that_does_not_end_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="too long"):
        await events(cut(data, [*range(0, len(data), 100)]), longest=1000)


async def test_many_short_events_are_no_long_one() -> None:
    stream = b"data: x\n\n" * 1000

    assert await events(cut(stream, []), longest=100) == [b"x"] * 1000


async def test_events_that_come_together_are_handed_out_together() -> None:
    stream = b"data: a\n\ndata: b\n\nda" + b"ta: c\n\n"

    assert [together async for together in event_data(cut(stream, [21]), longest=100)] == [[b"a", b"b"], [b"c"]]


@pytest.mark.parametrize("line", [b'{"error": 1}', b"error: overloaded", b"<html>"])
async def test_what_is_no_event_ends_the_stream_after_the_events_before(line: bytes) -> None:
    stream = event_data(cut(b"data: a\n\n" + line + b"\n\ndata: b\n\n", []), longest=100)

    assert await anext(stream) == [b"a"]
    with pytest.raises(ValueError, match="no event"):
        await anext(stream)
