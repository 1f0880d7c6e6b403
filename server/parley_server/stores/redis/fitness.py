"""Whether a Redis server may keep sessions, and what a committed turn outlives there.

This module must not know how sessions are kept.
"""

import logging
from collections.abc import Mapping

from parley_server.errors import InvalidSettings, StoreUnavailable
from parley_server.stores.protocol import Durability
from parley_server.stores.redis.connection import Refusal
from parley_server.stores.redis.nodes import Nodes
from parley_server.stores.redis.topology import Cluster
from parley_server.stores.redis.url import RedisUrl

logger = logging.getLogger(__name__)

_OLDEST = (6, 2)
_FLUSHES = {b"appendonly": b"yes", b"appendfsync": b"always", b"no-appendfsync-on-rewrite": b"no"}
"""The configuration with which Redis answers a command only when the disk has it."""


async def verify(nodes: Nodes, url: RedisUrl) -> Durability:
    """Checks every server, and tells what a turn outlives on all of them.

    Raises:
        InvalidSettings: One of them is unfit.
        StoreUnavailable: One of them does not answer.
    """
    try:
        for answer in await nodes.ask_everyone("INFO"):
            _check(_facts(answer), url)
        # A user that may not publish would fail in the midst of a commit.
        await nodes.ask_everyone("PUBLISH", "parley:opened", "")
        flushes = await _flushes(nodes)
    except Refusal as refusal:
        if refusal.code in ("WRONGPASS", "NOAUTH", "NOPERM"):
            raise InvalidSettings(f"Redis does not let parley in ({refusal.code})") from refusal
        raise StoreUnavailable(f"Redis refused ({refusal.code})") from refusal
    except OSError as error:
        raise StoreUnavailable("Redis can not be reached") from error
    if url.eviction_allowed:
        return Durability.NONE
    if url.replicas:
        return Durability.REPLICATED
    return Durability.DISK if flushes else Durability.PROCESS


def _check(facts: Mapping[str, str], url: RedisUrl) -> None:
    version = facts.get("redis_version", "")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _OLDEST:
        raise InvalidSettings(f"Redis {version} is too old: use 6.2 or newer")
    if facts.get("role") != "master":
        raise InvalidSettings("this Redis server is a replica: name its master, or use redis+sentinel://")
    if (facts.get("cluster_enabled") == "1") != isinstance(url.topology, Cluster):
        raise InvalidSettings("a Redis Cluster is redis+cluster://, and nothing else is")
    policy = facts.get("maxmemory_policy")
    if policy != "noeviction" and not url.eviction_allowed:
        raise InvalidSettings(
            f"this Redis server has the maxmemory-policy {policy}, which drops sessions when its memory is full: "
            "set noeviction, or allow it with eviction=allow in the URL"
        )


def _facts(answer: bytes) -> Mapping[str, str]:
    """The lines of INFO."""
    pairs = (line.partition(":") for line in answer.decode().splitlines())
    return {name: value for name, separator, value in pairs if separator}


async def _flushes(nodes: Nodes) -> bool:
    """Whether every server answers only when the disk has it; managed services do not tell how theirs are set."""
    try:
        for name, value in _FLUSHES.items():
            if any(answer.get(name) != value for answer in await nodes.ask_everyone("CONFIG", "GET", name)):
                return False
    except Refusal:
        logger.warning("Redis does not tell how it is set (CONFIG GET is refused): taken for the weakest durability")
        return False
    return True
