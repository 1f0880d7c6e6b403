"""Going through the sessions of several Redis servers."""

from pathlib import Path

from support.redis_servers import cluster_setup

from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.redis import open_url
from parley_server.testing.contract.scene import take_turn

KEYS = [SessionKey("tenant", f"session {number}") for number in range(60)]


async def test_a_scan_of_a_cluster_gives_the_sessions_of_all_its_servers(tmp_path: Path) -> None:
    with cluster_setup(tmp_path) as cluster:
        store = await open_url(cluster.url, StoreOptions())
        for key in KEYS:
            await take_turn(store, key, snapshot=key.session_id.encode())

        found = [session.snapshot.decode() async for session in store.scan()]

        assert sorted(found) == sorted(key.session_id for key in KEYS)
        assert len({cluster.master_of(f"parley:{{{key.digest}}}".encode()).port for key in KEYS}) == 3
        await store.close()
