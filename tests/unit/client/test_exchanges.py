from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_service import said, turn

import parley
from parley.exchanges import TurnExchange
from parley.requests import chat_request
from parley.v1.conversation_pb2 import ChatEvent, TextDelta, TurnCompleted

PIECES = st.lists(st.text(max_size=4), max_size=6)


def hear(broken_attempts: Sequence[Sequence[str]], last: Sequence[str]) -> list[parley.Event]:
    """Returns what is handed out of attempts that say these pieces, the last of them to its end."""
    exchange = TurnExchange(chat_request("hi"), heartbeats=False)
    completion = ChatEvent(turn_completed=TurnCompleted(reply="".join(last)))
    events: list[parley.Event] = []
    for attempt in [*map(said, broken_attempts), [*said(last), completion]]:
        exchange.begin_attempt()
        for response in turn(*attempt):
            events.extend(exchange.take(response))
    assert exchange.completed
    return events


def text_of(events: Sequence[parley.Event]) -> str:
    """Puts the pieces together where they say that they belong, as a caller who draws them does."""
    text = ""
    for event in events:
        if isinstance(event, parley.Restarted):
            text = ""
        elif isinstance(event, parley.TextDelta):
            assert event.offset == len(text)
            text += event.text
    return text


@given(st.text(max_size=12), st.lists(st.lists(st.integers(0, 12), max_size=4), max_size=4), st.data())
def test_the_same_reply_is_handed_out_once_however_it_is_cut_and_broken(
    reply: str, cuts_of_attempts: list[list[int]], data: st.DataObject
) -> None:
    def cut(cuts: list[int]) -> list[str]:
        ends = [0, *sorted(cuts), len(reply)]
        return [reply[start:end] for start, end in pairwise(ends)]

    attempts = [cut(cuts)[: data.draw(st.integers(0, len(cuts) + 1))] for cuts in cuts_of_attempts]
    events = hear(attempts, cut([len(reply) // 2]))

    assert text_of(events) == reply
    assert parley.Restarted() not in events


@given(st.lists(PIECES, max_size=4), PIECES)
def test_the_last_reply_is_what_a_caller_holds_whatever_was_said_before(
    broken_attempts: list[list[str]], last: list[str]
) -> None:
    events = hear(broken_attempts, last)

    assert text_of(events) == "".join(last)
    assert isinstance(events[-1], parley.TurnCompleted)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.text(max_size=4)), max_size=6), st.lists(PIECES, max_size=2))
def test_a_piece_takes_back_what_was_sent_after_the_place_where_it_begins(
    pieces: list[tuple[int, str]], broken_attempts: list[list[str]]
) -> None:
    reply, events = "", []
    for place, text in pieces:
        kept = min(place, len(reply))
        reply = reply[:kept] + text
        events.append(ChatEvent(text_delta=TextDelta(text=text, offset=kept)))
    exchange = TurnExchange(chat_request("hi"), heartbeats=False)
    heard: list[parley.Event] = []
    for attempt in [*map(said, broken_attempts), [*events, ChatEvent(turn_completed=TurnCompleted(reply=reply))]]:
        exchange.begin_attempt()
        for response in turn(*attempt):
            heard.extend(exchange.take(response))

    assert text_of(heard) == reply
    assert isinstance(heard[-1], parley.TurnCompleted)
