"""Redis servers that are killed, paused, cut off and failed over, below two servers with many callers."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from support.faults_checker import violations
from support.faults_core import Core, core
from support.faults_echo import GATES
from support.faults_load import Crowd
from support.faults_record import Answer, Outcome, Recorder
from support.faults_scale import Report, Scale
from support.redis_proxy import RedisProxy
from support.redis_servers import ClusterSetup, RedisServer, cluster_setup
from support.waiting import until

from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability
from parley_server.stores.registry import open_store

SESSIONS = [f"s{number}" for number in range(9)]
FLUSHED = ("appendonly yes", "appendfsync always")


@asynccontextmanager
async def servers(count: int, url: str, durability: Durability, *, within: float = 2.0) -> AsyncIterator[list[Core]]:
    """Servers without their network, each with a store object of its own that waits so many seconds for Redis."""
    options = StoreOptions(durability=durability, timeout=timedelta(seconds=within))
    async with AsyncExitStack() as closing:
        cores = []
        for _ in range(count):
            store = await open_store(url, options)
            closing.push_async_callback(store.close)
            cores.append(await closing.enter_async_context(core(store)))
        yield cores


@asynccontextmanager
async def talking(recorder: Recorder, cores: list[Core]) -> AsyncIterator[None]:
    """Callers at every session, until the context is left; then all is judged."""
    crowd = Crowd(recorder, lambda caller: cores[caller % len(cores)].line(), sessions=len(SESSIONS), seed=7)
    talk = asyncio.create_task(crowd.talk(2 * len(SESSIONS)))
    try:
        yield
    finally:
        crowd.stop()
        await talk
    kept = {session: await cores[0].kept(session) for session in SESSIONS}
    assert violations(recorder.calls, kept) == []


def went_on(recorder: Recorder, moment: float) -> bool:
    """Whether every session was answered to a call that was made after a moment."""
    return recorder.went_on(moment) == set(SESSIONS)


async def seconds_until_all_went_on(recorder: Recorder) -> float:
    """Waits until every session was answered to a call that is made from now on."""
    began = recorder.now()
    await until(partial(went_on, recorder, began))
    return recorder.now() - began


def long_enough(recorder: Recorder, end: float) -> bool:
    """Whether a moment has passed."""
    return recorder.now() > end


def name_of(session: str) -> bytes:
    """The key of a session."""
    return f"parley:{{{SessionKey(DEFAULT_TENANT, session).digest}}}".encode()


def has_heir(cluster: ClusterSetup, victim: RedisServer, key: bytes) -> bool:
    """Whether another server has taken a key over."""
    return cluster.master_of(key) is not victim


def told(recorder: Recorder, healed: Sequence[float] = ()) -> str:
    """What came of the calls, how long the longest took, and after how many seconds every session went on."""
    counts = ", ".join(f"{recorder.count(outcome)} {outcome.value}" for outcome in Outcome)
    longest = max(call.ended - call.began for call in recorder.calls)
    went_on = f"; all sessions went on after {median(healed):.2f} s, at most {max(healed):.2f} s" if healed else ""
    return f"{counts}; the longest call took {longest:.2f} s{went_on}"


async def test_no_turn_is_lost_when_redis_is_killed_and_started_again(
    tmp_path: Path, scale: Scale, report: Report
) -> None:
    chance = random.Random(8)
    recorder = Recorder()
    healed: list[float] = []
    with RedisServer(tmp_path, *FLUSHED) as redis:
        async with servers(2, redis.url, Durability.DISK) as cores, talking(recorder, cores):
            for _ in range(scale.of(2, 50)):
                await recorder.answered(chance.randint(1, 100))
                redis.kill()
                await asyncio.to_thread(redis.start)
                healed.append(await seconds_until_all_went_on(recorder))

    report(told(recorder, healed))


async def test_no_turn_is_lost_when_redis_stands_still(tmp_path: Path, scale: Scale, report: Report) -> None:
    recorder = Recorder()
    healed: list[float] = []
    with RedisServer(tmp_path, *FLUSHED) as redis:
        patience = scale.of(0.5, 2.0)
        async with servers(2, redis.url, Durability.DISK, within=patience) as cores, talking(recorder, cores):
            for _ in range(scale.of(1, 3)):
                await recorder.answered(50)
                redis.pause()
                await until(partial(long_enough, recorder, recorder.now() + scale.of(1, 10)))
                redis.resume()
                healed.append(await seconds_until_all_went_on(recorder))

    assert recorder.count(Outcome.UNKNOWN) + recorder.count(Outcome.FAILED)
    report(told(recorder, healed))


@pytest.mark.parametrize("lost", [1, 9], ids=["one answer", "every answer of a turn"])
async def test_a_commit_whose_answer_is_lost_is_applied_once(
    lost: int, tmp_path: Path, scale: Scale, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GATES, str(tmp_path))
    recorder = Recorder()
    with RedisServer(tmp_path / "redis", *FLUSHED) as redis:
        async with (
            RedisProxy.relaying(redis.port) as proxy,
            servers(1, f"redis://127.0.0.1:{proxy.port}", Durability.DISK) as (server,),
        ):
            for number in range(scale.of(6, 300)):
                # What is lost comes between the opening of the session, which is over at the gate, and the reply.
                gate = f"gate-{number}" if number % 3 == 0 else ""
                call = asyncio.create_task(recorder.say(server.line(), "s0", f"r{number}", gate=gate))
                if gate:
                    await until((tmp_path / f"{gate}.reached").exists)
                    proxy.swallow(lost)
                    (tmp_path / f"{gate}.open").touch()
                first = await call
                proxy.swallow(0)
                again = await recorder.say(server.line(), "s0", f"r{number}", gate=gate)
                assert again.outcome is Outcome.OK, again.error
                assert first.outcome is (Outcome.OK if lost == 1 or not gate else Outcome.UNKNOWN)
            kept = {"s0": await server.kept("s0")}

    assert violations(recorder.calls, kept) == []
    assert proxy.swallowed
    report(f"{proxy.swallowed} answers were lost: {told(recorder)}")


async def test_a_turn_that_no_replica_has_is_not_called_done_when_it_comes_again(tmp_path: Path) -> None:
    recorder = Recorder()
    with (
        RedisServer(tmp_path / "master") as master,
        RedisServer(tmp_path / "replica", f"replicaof 127.0.0.1 {master.port}") as replica,
    ):
        await until(lambda: b"state=online" in master.ask("INFO", "replication"))
        async with servers(2, f"{master.url}?wait=1", Durability.REPLICATED, within=0.5) as (first, second):
            await answered(recorder, first, "before")
            replica.pause()
            alone = [await recorder.say(server.line(), "s0", "alone") for server in (first, first, second)]
            replica.resume()
            again = await answered(recorder, second, "alone")

    assert [call.outcome for call in alone] == [Outcome.UNKNOWN] * 3
    assert again.replayed


async def answered(recorder: Recorder, server: Core, request_id: str) -> Answer:
    """The answer to a request that is sent again and again: the replica may be behind for a moment."""
    while not (answer := (await recorder.say(server.line(), "s0", request_id)).answer):
        pass
    return answer


async def test_no_turn_is_lost_when_a_server_of_a_cluster_is_killed(
    tmp_path: Path, scale: Scale, report: Report
) -> None:
    chance = random.Random(9)
    recorder = Recorder()
    healed: list[float] = []
    with cluster_setup(tmp_path) as cluster:
        async with servers(2, f"{cluster.url}?wait=1", Durability.REPLICATED) as cores, talking(recorder, cores):
            for _ in range(scale.of(1, 15)):
                await recorder.answered(chance.randint(1, 200))
                key = name_of(chance.choice(SESSIONS))
                victim = cluster.master_of(key)
                victim.kill()
                killed = recorder.now()
                # Started any earlier it would come back as the master that it was, and empty.
                await until(partial(has_heir, cluster, victim, key))
                await asyncio.to_thread(victim.start)
                await seconds_until_all_went_on(recorder)
                healed.append(recorder.now() - killed)

    report(told(recorder, healed))
