from datetime import timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
from support.scripted_service import Attempt, ScriptedService, serving

import parley
from parley.v1.conversation_pb2 import GetSessionResponse
from parley.v1.session_pb2 import Session

READ = Attempt([GetSessionResponse(session=Session(session_id="s-1", user_id="u" * 2000))])


def test_a_channel_finds_dead_peers_and_leaves_retries_to_the_client() -> None:
    arguments = parley.ChannelOptions(max_receive_bytes=1000, keepalive=timedelta(minutes=1)).arguments()

    assert dict(arguments) == {
        "grpc.max_receive_message_length": 1000,
        "grpc.keepalive_time_ms": 60_000,
        "grpc.keepalive_timeout_ms": 10_000,
        "grpc.http2.ping_timeout_ms": 10_000,
        "grpc.keepalive_permit_without_calls": 0,
        "grpc.http2.max_pings_without_data": 0,
        "grpc.enable_retries": 0,
        "grpc.initial_reconnect_backoff_ms": 200,
        "grpc.max_reconnect_backoff_ms": 5_000,
    }


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with parley.AsyncClient(f"unix:{tmp_path}/none.sock", retry=None) as client:
        with pytest.raises(parley.Unavailable) as raised:
            await client.say("hi")

    assert raised.value.applied == "unknown"


async def test_a_message_above_the_limit_is_not_accepted(service: ScriptedService) -> None:
    service.script.append(READ)
    options = parley.ChannelOptions(max_receive_bytes=1000)

    async with serving(service) as address, parley.AsyncClient(address, options=options) as client:
        with pytest.raises(parley.ParleyError) as raised:
            await client.get_session("s-1")

    assert raised.value.status is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_channel_that_was_handed_in_stays_open(service: ScriptedService) -> None:
    service.script.extend([READ, READ])

    async with serving(service) as address, grpc.aio.insecure_channel(address) as channel:
        async with parley.AsyncClient(channel) as client:
            await client.get_session("s-1")
        session = await parley.AsyncClient(channel).get_session("s-1")

    assert session.session_id == "s-1"


async def test_credentials_make_the_channel_speak_tls(service: ScriptedService) -> None:
    service.script.append(READ)
    options = parley.ChannelOptions(credentials=grpc.ssl_channel_credentials())

    async with serving(service) as address, parley.AsyncClient(address, options=options, retry=None) as client:
        with pytest.raises(parley.Unavailable):
            await client.get_session("s-1")

    assert service.requests == []
