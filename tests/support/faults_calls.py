"""Calls over the wire for the recorder, by the client that callers use; it repeats nothing by itself."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Unpack

import grpc
from support.faults_echo import Echo
from support.faults_record import Answer, Kept, KeptTurn, Line, Outcome, Unanswered

import parley


def line(client: parley.AsyncClient, *, within: timedelta | None = None, **options: Unpack[parley.TurnOptions]) -> Line:
    """Turns through a client, each within a time; None: the client's own."""

    async def say(session: str, request_id: str, message: str) -> Answer:
        names = parley.TurnOptions(session_id=session, request_id=request_id)
        try:
            events = [event async for event in client.chat(message, timeout=within, **(options | names))]
        except parley.ParleyError as error:
            outcome = Outcome.FAILED if error.applied == "no" else Outcome.UNKNOWN
            raise Unanswered(outcome, f"{error.status.name} {error.reason}: {error}") from error
        started, completed = events[0], events[-1]
        assert isinstance(started, parley.TurnStarted)
        assert isinstance(completed, parley.TurnCompleted)
        return Answer(
            reply=completed.reply,
            turn=started.turn,
            replayed=completed.replayed,
            turn_count=completed.session.turn_count,
            known=Echo.of(completed.session.metadata),
        )

    return say


async def read_all(port: int, sessions: Iterable[str]) -> dict[str, Kept]:
    """Reads sessions and their histories by a new client, which has no memory of a server that was away."""
    async with parley.AsyncClient(f"127.0.0.1:{port}") as client:
        return {session: await _kept(client, session) for session in sessions}


def open_client(port: int) -> parley.AsyncClient:
    """A client with a connection of its own, so that a server that is gone costs it no more than one call."""
    channel = grpc.aio.insecure_channel(
        f"127.0.0.1:{port}",
        options=[
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        ],
    )
    return parley.AsyncClient(channel, retry=None)


async def _kept(client: parley.AsyncClient, session_id: str) -> Kept:
    try:
        session = await client.get_session(session_id)
    except parley.SessionNotFound:
        return Kept()
    turns = [
        KeptTurn(turn=turn.turn, request_id=turn.request_id, message=turn.user_message, reply=turn.reply)
        async for turn in client.history(session_id)
    ]
    return Kept(turn_count=session.turn_count, known=Echo.of(session.metadata), turns=tuple(turns))
