"""Whether a Redis server may keep sessions, and what a committed turn outlives there.

This module must not know how sessions are kept.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from datetime import timedelta

from parley_server.errors import InvalidSettings, StoreUnavailable
from parley_server.stores.protocol import Durability
from parley_server.stores.redis.connection import Connection, Refusal
from parley_server.stores.redis.nodes import Nodes
from parley_server.stores.redis.topology import Cluster
from parley_server.stores.redis.url import RedisUrl

logger = logging.getLogger(__name__)

_OLDEST = (6, 2)
_FLUSHES = {b"appendonly": b"yes", b"appendfsync": b"always", b"no-appendfsync-on-rewrite": b"no"}
"""The configuration with which Redis answers a command only when the disk has it."""


async def verify(nodes: Nodes, url: RedisUrl, *, within: timedelta) -> Durability:
    """Checks every server, within a time each, and tells what a turn outlives on all of them.

    Raises:
        InvalidSettings: One of them is unfit.
        StoreUnavailable: One of them does not answer.
    """
    try:
        found = []
        for connection in await nodes.everyone():
            async with asyncio.timeout(within.total_seconds()):
                found.append(await _examine(connection, url, opening=True))
    except Refusal as refusal:
        if refusal.code in ("WRONGPASS", "NOAUTH", "NOPERM"):
            raise InvalidSettings(f"Redis does not let parley in ({refusal.code})") from refusal
        raise StoreUnavailable(f"Redis refused ({refusal.code})") from refusal
    except OSError as error:
        why = f": {os.strerror(error.errno)}" if error.errno else " in time" if isinstance(error, TimeoutError) else ""
        raise StoreUnavailable(f"Redis can not be reached at {url.place}{why}") from error
    return min(found, key=lambda durability: durability.rank)


async def verify_later(connection: Connection, url: RedisUrl, asked: Durability | None) -> None:
    """Checks a server that is connected to after the store was opened: it may have been set anew, or be another one.

    Raises:
        StoreUnavailable: A turn would outlive less there than is `asked` for.
        Refusal: It does not tell.
        OSError: It does not answer.
    """
    try:
        found = await _examine(connection, url, opening=False)
    except InvalidSettings as error:
        raise StoreUnavailable(str(error)) from error
    if asked is not None and found.rank < asked.rank:
        raise StoreUnavailable(
            f"this Redis server keeps turns with the durability {found.value!r}, which is less than the "
            f"{asked.value!r} that is asked for"
        )


async def _examine(connection: Connection, url: RedisUrl, *, opening: bool) -> Durability:
    facts = _facts(await connection.ask("INFO"))
    _check(facts, url)
    if opening:
        if facts.get("role") != "master":
            raise InvalidSettings("this Redis server is a replica: name its master, or use redis+sentinel://")
        # A user that may not publish would fail in the midst of a commit.
        await connection.ask("PUBLISH", "parley:opened", "")
    if url.eviction_allowed:
        return Durability.NONE
    if url.replicas:
        return Durability.REPLICATED
    return Durability.DISK if await _flushes(connection) else Durability.PROCESS


def _check(facts: Mapping[str, str], url: RedisUrl) -> None:
    version = facts.get("redis_version", "")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _OLDEST:
        raise InvalidSettings(f"Redis {version} is too old: use 6.2 or newer")
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


async def _flushes(connection: Connection) -> bool:
    """Whether a server answers only when the disk has it; managed services do not tell how theirs are set."""
    try:
        for name, value in _FLUSHES.items():
            if (await connection.ask("CONFIG", "GET", name)).get(name) != value:
                return False
    except Refusal:
        logger.warning("Redis does not tell how it is set (CONFIG GET is refused): taken for the weakest durability")
        return False
    return True
