"""Redis servers that fail while others take their place: replicas, Sentinel, Cluster."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.redis_servers import (
    NO_DISK,
    ClusterSetup,
    RedisServer,
    SentinelSetup,
    cluster_setup,
    sentinel_setup,
)
from support.redis_stores import SESSION, healed, opened

from parley_server.errors import StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.testing.contract.scene import KEY, LONG, take_turn


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelSetup]:
    with sentinel_setup(tmp_path_factory.mktemp("sentinel")) as setup:
        yield setup


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterSetup]:
    with cluster_setup(tmp_path_factory.mktemp("cluster")) as setup:
        yield setup


class TestReplicas:
    async def test_a_turn_is_committed_when_a_replica_has_it(self, tmp_path: Path) -> None:
        with (
            RedisServer(tmp_path / "master", *NO_DISK) as master,
            RedisServer(tmp_path / "replica", *NO_DISK, f"replicaof 127.0.0.1 {master.port}") as replica,
        ):
            async with opened(f"{master.url}?wait=1") as store:
                await healed(store, request_id="first")
                await asyncio.gather(*(take_turn(store, request_id=f"r{n}", wait=LONG) for n in range(20)))
                assert replica.ask("HLEN", SESSION) == 3 + 21 + 2 * 21

                replica.kill()
                with pytest.raises(StoreUnavailable) as failure:
                    await take_turn(store, request_id="alone")
                assert failure.value.maybe_applied
                # That it is there does not make it replicated.
                with pytest.raises(StoreUnavailable):
                    await take_turn(store, request_id="alone", wait=LONG)

                replica.start()
                assert (await healed(store, request_id="alone", wait=LONG)).turn == 22


class TestSentinel:
    async def test_sessions_go_on_after_a_failover(self, sentinels: SentinelSetup) -> None:
        master, replica = sentinels.servers
        async with opened(sentinels.url) as store:
            async with store.watch(KEY):
                await take_turn(store)
            assert master.ask("WAIT", 1, 5000) == 1
            master.kill()

            assert (await healed(store, request_id="r", wait=LONG)).turn == 2
            assert replica.ask("ROLE")[0] == b"master"

            # The old master comes back as a replica, which the Sentinels do not take for the master.
            master.start()
            async with store.watch(KEY) as wakes:
                assert (await healed(store, wait=LONG)).turn == 3
                async with asyncio.timeout(LONG.total_seconds()):
                    await anext(wakes)

    async def test_a_sentinel_that_hangs_holds_up_nobody(self, sentinels: SentinelSetup) -> None:
        sentinels.sentinels[0].pause()
        try:
            async with opened(sentinels.url) as store:
                await take_turn(store, SessionKey("tenant", "hanging"), wait=LONG)
        finally:
            sentinels.sentinels[0].resume()


class TestCluster:
    async def test_sessions_spread_over_the_servers_and_each_lies_in_one_slot(self, cluster: ClusterSetup) -> None:
        keys = [SessionKey("tenant", str(number)) for number in range(30)]
        async with opened(cluster.url) as store:
            for key in keys:
                await take_turn(store, key)
            for key in keys:
                async with store.open(key, recent=1) as session:
                    assert len(session.recent) == 1
                    await session.commit(snapshot=b"", request_id="", data=b"", expires_in=None)

        counts = [server.ask("DBSIZE") for server in cluster.servers[:3]]
        assert sum(counts) == 30
        assert all(counts)

    async def test_a_watch_and_a_waiter_hear_of_what_happens_at_another_server(self, cluster: ClusterSetup) -> None:
        async with opened(cluster.url) as one, opened(cluster.url) as other:
            for number in range(6):
                key = SessionKey("watched", str(number))
                async with one.watch(key) as wakes:
                    async with other.open(key):
                        waiting = asyncio.create_task(take_turn(one, key, wait=LONG))
                        await asyncio.sleep(0)
                    await waiting
                    async with asyncio.timeout(LONG.total_seconds()):
                        await anext(wakes)

    @pytest.mark.parametrize("when", ["before its keys", "after its keys"])
    async def test_who_comes_while_a_slot_moves_waits_until_it_has_moved(
        self, when: str, cluster: ClusterSetup
    ) -> None:
        key, new = SessionKey("tenant", f"moving {when}"), SessionKey("tenant", "new")
        name = f"parley:{{{key.digest}}}".encode()
        async with opened(cluster.url, StoreOptions(timeout=LONG)) as store, opened(cluster.url) as impatient:
            await take_turn(store, key)
            source = cluster.master_of(name)
            target = next(server for server in cluster.servers[:3] if server is not source)
            slot = source.ask("CLUSTER", "KEYSLOT", name)
            target_id, source_id = target.ask("CLUSTER", "MYID"), source.ask("CLUSTER", "MYID")
            target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            if when == "after its keys":
                source.ask("MIGRATE", "127.0.0.1", target.port, name, 0, 5000)
            waiting = [asyncio.create_task(take_turn(store, key, request_id="r", wait=LONG)) for _ in range(2)]
            with pytest.raises(StoreUnavailable) as refusal:
                await take_turn(impatient, key)
            await take_turn(impatient, new)
            if when == "before its keys":
                source.ask("MIGRATE", "127.0.0.1", target.port, name, 0, 5000)
            for server in (target, source):
                server.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)

            assert not refusal.value.maybe_applied
            assert [turn.turn for turn in await asyncio.gather(*waiting)] == [2, 2]

    async def test_sessions_of_a_server_that_was_killed_go_on_at_its_replica(self, cluster: ClusterSetup) -> None:
        """Takes about five seconds: a server must be silent for one before the others agree that it is gone."""
        async with opened(cluster.url) as store:
            await take_turn(store, request_id="first")
            master = cluster.master_of(SESSION.encode())
            assert master.ask("WAIT", 1, 5000) == 1
            master.kill()

            assert (await healed(store, request_id="first", wait=LONG)).turn == 1
            assert (await healed(store, request_id="second", wait=LONG)).turn == 2
            await store.ready()
