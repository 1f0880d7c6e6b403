"""Which servers the Redis store opens, by which URLs, and what it says of them."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.redis_proxy import RedisProxy
from support.redis_servers import NO_DISK, RedisServer
from support.redis_stores import healed

from parley_server.errors import InvalidSettings, StoreUnavailable
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability, StateStore
from parley_server.stores.registry import open_store
from parley_server.testing.contract.scene import KEY, take_turn

ALWAYS = ("appendonly yes", "appendfsync always")
PASSWORD = "p@ss/w?rd#1%"
QUOTED = "p%40ss%2Fw%3Frd%231%25"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), *NO_DISK) as server:
        server.ask("ACL", "SETUSER", "parley", "on", f">{PASSWORD}", "~parley:*", "resetchannels", "&parley:*", "+@all")
        server.ask("ACL", "SETUSER", "tenant", "on", f">{PASSWORD}", "~*", "allchannels", "+@all", "-config")
        server.ask("ACL", "SETUSER", "mute", "on", f">{PASSWORD}", "~parley:*", "resetchannels", "+@all")
        server.ask("ACL", "SETUSER", "guest", "on", f">{PASSWORD}", "~*", "+@read")
        yield server


@asynccontextmanager
async def opened(url: str, options: StoreOptions | None = None) -> AsyncIterator[StateStore]:
    store = await open_store(url, options)
    try:
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("settings", "query", "durability"),
    [
        (NO_DISK, "", Durability.PROCESS),
        (("appendonly yes", "appendfsync everysec"), "", Durability.PROCESS),
        (ALWAYS, "", Durability.DISK),
        ((*ALWAYS, "no-appendfsync-on-rewrite yes"), "", Durability.PROCESS),
        (NO_DISK, "?wait=1", Durability.REPLICATED),
        ((*ALWAYS, "maxmemory-policy allkeys-lru"), "?eviction=allow", Durability.NONE),
    ],
)
async def test_the_durability_is_what_the_server_is_configured_for(
    tmp_path: Path, settings: tuple[str, ...], query: str, durability: Durability
) -> None:
    with RedisServer(tmp_path, *settings) as server:
        async with opened(server.url + query) as store:
            assert store.durability is durability


async def test_a_server_that_came_back_with_less_than_was_asked_for_serves_no_turn_until_it_is_mended(
    tmp_path: Path,
) -> None:
    with RedisServer(tmp_path, *ALWAYS) as server:
        async with opened(server.url, StoreOptions(durability=Durability.DISK)) as store, opened(server.url) as other:
            await healed(store)
            server.ask("CONFIG", "SET", "appendfsync", "everysec")
            server.ask("CONFIG", "REWRITE")
            server.kill()
            server.start()

            with pytest.raises(StoreUnavailable, match="'process', which is less than the 'disk'") as refusal:
                await take_turn(store)
            assert not refusal.value.maybe_applied
            assert (await healed(other)).turn == 2

            server.ask("CONFIG", "SET", "appendfsync", "always")
            assert (await healed(store)).turn == 3


async def test_a_turn_that_was_sent_before_the_server_was_found_unfit_may_have_been_applied(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *ALWAYS) as server:
        async with (
            RedisProxy.relaying(server.port) as proxy,
            opened(f"redis://127.0.0.1:{proxy.port}", StoreOptions(durability=Durability.DISK)) as store,
        ):
            async with store.open(KEY) as session:
                server.ask("CONFIG", "SET", "appendfsync", "everysec")
                proxy.swallow()
                with pytest.raises(StoreUnavailable, match="less than the 'disk'") as refusal:
                    await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

            assert refusal.value.maybe_applied


async def test_a_server_that_came_back_dropping_sessions_serves_no_turn(tmp_path: Path) -> None:
    with RedisServer(tmp_path, *ALWAYS) as server:
        async with opened(server.url) as store:
            await take_turn(store)
            server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            server.ask("CONFIG", "REWRITE")
            server.kill()
            server.start()

            with pytest.raises(StoreUnavailable, match="drops sessions"):
                await take_turn(store)


async def test_a_server_that_does_not_tell_its_settings_is_taken_for_the_weakest(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(f"redis://tenant:{QUOTED}@{server.address}") as store:
        assert store.durability is Durability.PROCESS

    assert "CONFIG GET is refused" in caplog.text


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_drops_sessions_is_refused(tmp_path: Path, policy: str) -> None:
    with (
        RedisServer(tmp_path, *NO_DISK, f"maxmemory-policy {policy}") as server,
        pytest.raises(InvalidSettings, match=policy),
    ):
        await open_store(server.url)


async def test_a_replica_is_refused(server: RedisServer, tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path, *NO_DISK, f"replicaof 127.0.0.1 {server.port}") as replica,
        pytest.raises(InvalidSettings, match="replica"),
    ):
        await open_store(replica.url)


async def test_a_cluster_and_a_single_server_are_not_taken_for_each_other(server: RedisServer, tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path, *NO_DISK, "cluster-enabled yes") as node,
        pytest.raises(InvalidSettings, match="Cluster"),
    ):
        await open_store(node.url)
    with pytest.raises(StoreUnavailable):
        await open_store(f"redis+cluster://{server.address}")


async def test_a_server_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    with pytest.raises(StoreUnavailable, match=f"at 127.0.0.1:{unused_tcp_port}: .*refused") as unreachable:
        await open_store(f"redis://me:secret@127.0.0.1:{unused_tcp_port}")

    assert "secret" not in str(unreachable.value)


async def test_what_is_no_redis_is_unavailable() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
        with pytest.raises(StoreUnavailable):
            await open_store(f"redis://127.0.0.1:{other.sockets[0].getsockname()[1]}")


async def test_a_user_whose_keys_and_channels_are_limited_to_parleys_can_serve(server: RedisServer) -> None:
    async with opened(f"redis://parley:{QUOTED}@{server.address}/2") as store, store.watch(KEY) as wakes:
        await take_turn(store)
        await anext(wakes)
        await store.ready()

    assert b"db2:keys=2," in server.ask("INFO", "keyspace")


@pytest.mark.parametrize("credentials", ["parley:wrong", f"nobody:{QUOTED}", f"mute:{QUOTED}", f"guest:{QUOTED}"])
async def test_a_server_that_does_not_let_parley_in_is_refused_without_a_word_of_the_password(
    server: RedisServer, credentials: str
) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        await open_store(f"redis://{credentials}@{server.address}")

    assert "wrong" not in str(refusal.value)
    assert PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://one,two",
        "redis://host:port",
        "redis://host:99999",
        "redis://host/database",
        "redis://secret@host",
        "redis://host?wait=some",
        "redis://host?eviction=yes",
        "redis://host?password=secret",
        "redis://host?ca=/secret",
        "rediss://host?ca=/not/there",
        "rediss://host?certificate=/not/there",
        "redis+sentinel://host",
        "redis+sentinel://host/service/database",
        "redis+cluster://host/1",
    ],
)
async def test_a_url_that_can_not_be_right_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        await open_store(url)

    assert "secret" not in str(refusal.value)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate for the loopback interface, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    file = tmp_path / "certificate.pem"
    subject = ("-subj", "/CN=parley", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    making = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", str(file))
    done = subprocess.run(making, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + done.stdout)
    return file


async def test_a_server_is_spoken_to_over_tls_if_its_certificate_is_trusted(
    server: RedisServer, certificate: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with RedisProxy.relaying(server.port, tls=context) as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}"
        async with opened(f"{url}?ca={certificate}") as store:
            await take_turn(store)
        with pytest.raises(StoreUnavailable):
            await open_store(url)
