"""A real server as its neighbours see it: balancers, grpcurl, a second server on its port, and its own end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from support.gates import GATED, Gate
from support.servers import definition, serving

import parley
from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceServicer
from parley_server.app import running
from parley_server.errors import InvalidDefinition, InvalidSettings, StoreUnavailable
from parley_server.rpc import server as rpc_server
from parley_server.rpc.server import RpcServer
from parley_server.settings import Settings
from parley_server.stores.registry import open_store

Turn: TypeAlias = "asyncio.Task[parley.TurnCompleted]"

SERVICE = "parley.v1.ConversationService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async with serving() as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


def chat(channel: grpc.aio.Channel, method: str = "Chat") -> Any:
    """A method as callers in other languages have it: bytes out, messages in."""
    return channel.unary_stream(f"/{SERVICE}/{method}", None, wire.ChatResponse.FromString)


class Readiness:
    """Whether a server can serve, as a test says."""

    def __init__(self) -> None:
        self.ready = True

    async def __call__(self) -> None:
        if not self.ready:
            raise StoreUnavailable


@asynccontextmanager
async def watched(readiness: Readiness, service: str) -> AsyncIterator[tuple[RpcServer, Any]]:
    """A server with this readiness, and the stream that tells of its health."""
    unused: Any = ConversationServiceServicer
    server = RpcServer(unused, ready=readiness)
    port = await server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield server, health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=service))
    finally:
        await server.leave()
        await server.stop(timedelta(0))


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_is_told_of_the_server_and_of_its_service(channel: grpc.aio.Channel, service: str) -> None:
    health = health_pb2_grpc.HealthStub(channel)

    assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING


async def test_nothing_is_told_of_the_health_of_what_is_not_served(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="parley.v1.Nothing"))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_follows_the_store_and_ends_before_the_server_does(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_server, "_HEALTH_INTERVAL", timedelta(milliseconds=5))
    readiness = Readiness()

    async with watched(readiness, service) as (server, health):
        assert (await health.read()).status == SERVING
        readiness.ready = False
        assert (await health.read()).status == NOT_SERVING
        readiness.ready = True
        assert (await health.read()).status == SERVING
        await server.leave()
        assert (await health.read()).status == NOT_SERVING


async def reflected(channel: grpc.aio.Channel, **request: Any) -> reflection_pb2.ServerReflectionResponse:
    """What the server tells of itself."""
    call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(**request))
    response = await call.read()
    await call.done_writing()
    assert isinstance(response, reflection_pb2.ServerReflectionResponse)
    return response


async def test_the_services_are_listed_for_tools_that_have_no_protos(channel: grpc.aio.Channel) -> None:
    response = await reflected(channel, list_services="")

    assert {service.name for service in response.list_services_response.service} == {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_a_message_is_described_for_tools_that_have_no_protos(channel: grpc.aio.Channel) -> None:
    response = await reflected(channel, file_containing_symbol="parley.v1.ChatRequest")

    files = [FileDescriptorProto.FromString(data) for data in response.file_descriptor_response.file_descriptor_proto]
    (described,) = [message for file in files for message in file.message_type if message.name == "ChatRequest"]
    assert {field.name for field in described.field} == {field.name for field in wire.ChatRequest.DESCRIPTOR.fields}


async def test_an_unknown_method_is_not_implemented(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await chat(channel, "Forget")(b"").read()

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_request_beyond_any_size_is_refused_before_it_is_read(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await chat(channel)(b"x" * (256 * 1024 + 1)).read()

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("scheme", ["sqlite", "file"])
async def test_a_second_server_on_the_port_is_refused_and_leaves_nothing_open(scheme: str, tmp_path: Path) -> None:
    url = f"{scheme}:///{tmp_path / 'store'}"
    async with serving() as (first, _):
        before = asyncio.all_tasks()

        with pytest.raises(InvalidSettings, match=f"can not listen at 127.0.0.1:{first.port}: is the port taken"):
            async with running(Settings(listen=f"127.0.0.1:{first.port}", store=url)):
                pytest.fail("it must not serve")

        assert asyncio.all_tasks() <= before
        store = await open_store(url)
        await store.ready()
        await store.close()


async def test_a_server_whose_assistant_has_defects_opens_no_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    with pytest.raises(InvalidDefinition):
        async with running(Settings(store=f"sqlite:///{path}", assistant=(definition(tmp_path, "nothing: 1"),))):
            pytest.fail("it must not serve")

    assert not path.exists()


async def test_a_server_that_has_stopped_can_be_started_on_its_port_again(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'parley.db'}"
    async with serving(store=store) as (first, client):
        await client.say("hi", session_id="s-1")

    async with serving(store=store, listen=f"127.0.0.1:{first.port}") as (second, client):
        assert second.port == first.port
        assert (await client.get_session("s-1")).turn_count == 1


@asynccontextmanager
async def waiting_turn(folder: Path, *, grace: float) -> AsyncIterator[tuple[AsyncExitStack, Gate, int, Turn]]:
    """A server in the midst of a turn: what stops it, what the turn waits for, its port, and the turn."""
    gate = Gate.fresh()
    settings = Settings(listen="127.0.0.1:0", store="memory://", assistant=(definition(folder, GATED),), grace=grace)
    async with AsyncExitStack() as server:
        port = (await server.enter_async_context(running(settings))).port
        async with parley.AsyncClient(f"127.0.0.1:{port}", retry=None) as client:
            turn = asyncio.create_task(client.say("wait"))
            await gate.reached()
            yield server, gate, port, turn


async def test_a_call_that_is_open_ends_well_while_the_server_stops(tmp_path: Path) -> None:
    async with waiting_turn(tmp_path, grace=30) as (server, gate, port, turn):
        stopping = asyncio.create_task(server.aclose())
        async with parley.AsyncClient(f"127.0.0.1:{port}", retry=None) as late:
            # The connection is refused, or was just accepted and is cut.
            with pytest.raises(parley.ParleyError) as caught:
                await late.say("hi")
            assert caught.value.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        gate.open()

        assert (await turn).session.turn_count == 1
        await stopping


async def test_a_call_that_outlasts_the_grace_is_cut_off(tmp_path: Path) -> None:
    async with waiting_turn(tmp_path, grace=0.05) as (server, gate, _, turn):
        await server.aclose()

        with pytest.raises(parley.ParleyError) as caught:
            await turn
        assert caught.value.applied == "unknown"
        await gate.left()
