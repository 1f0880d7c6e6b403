"""What the URL of a Redis store says.

    redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
    rediss://…                                              the same over TLS
    redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT],…/SERVICE[/DATABASE]
    redis+cluster://[[USER]:PASSWORD@]HOST[:PORT],…

| option | meaning |
| --- | --- |
| `wait=N` | a turn is committed when N replicas have confirmed it |
| `eviction=allow` | run on a server that drops sessions when its memory is full; the durability is then `none` |
| `tls=yes` | use TLS; implied by `rediss` |
| `ca=FILE` | trust what this certificate authority signed, instead of what the system trusts |
| `certificate=FILE`, `key=FILE` | show this certificate |
| `sentinel_user=…`, `sentinel_password=…` | what the Sentinels ask for, if they do |

User and password are percent-encoded. This module must not connect to anything.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from parley_server.errors import InvalidSettings
from parley_server.stores.redis.connection import Address, Login
from parley_server.stores.redis.topology import Cluster, SentinelService, SingleServer, Topology

_OPTIONS = {
    "wait": "a number of replicas",
    "eviction": "allow",
    "tls": "yes",
    "ca": "a file",
    "certificate": "a file",
    "key": "a file",
    "sentinel_user": "a name",
    "sentinel_password": "a password",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """A URL that was understood."""

    topology: Topology
    place: str = ""
    """Where it is, without user and password."""
    replicas: int = 0
    """How many replicas must confirm a turn."""
    eviction_allowed: bool = False


def parse_url(url: str) -> RedisUrl:
    """Reads a URL.

    Raises:
        InvalidSettings: It can not be understood; what may be secret in it is not repeated.
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    place, _, path = rest.rpartition("@")[2].partition("/")
    options = _options(query)
    login = _login(rest.rpartition("@")[0], _tls(scheme, options))
    return RedisUrl(
        topology=_topology(scheme, place, path, login, options),
        place=place,
        replicas=_number(options.get("wait", "0"), "wait"),
        eviction_allowed="eviction" in options,
    )


def _options(query: str) -> Mapping[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in _OPTIONS or not value or (_OPTIONS[name] in ("yes", "allow") and value != _OPTIONS[name]):
            known = ", ".join(f"{known}={meaning}" for known, meaning in _OPTIONS.items())
            raise InvalidSettings(f"the Redis URL has an option that is not one of: {known}")
    return options


def _login(credentials: str, tls: ssl.SSLContext | None) -> Login:
    user, separator, password = credentials.partition(":")
    if credentials and not separator:
        raise InvalidSettings("the Redis URL has a user and no password: write USER:PASSWORD@ or :PASSWORD@")
    return Login(user=unquote(user) or "default", password=unquote(password), tls=tls)


def _tls(scheme: str, options: Mapping[str, str]) -> ssl.SSLContext | None:
    files = [name for name in ("ca", "certificate", "key") if name in options]
    if scheme != "rediss" and "tls" not in options:
        if files:
            raise InvalidSettings(f"the Redis URL has the option {files[0]}, which needs TLS: add tls=yes")
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ca"))
        if "certificate" in options:
            context.load_cert_chain(options["certificate"], options.get("key"))
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the Redis URL names a file for TLS that can not be used: {error}") from error
    return context


def _topology(scheme: str, place: str, path: str, login: Login, options: Mapping[str, str]) -> Topology:
    if scheme == "redis+cluster":
        if path:
            raise InvalidSettings("redis+cluster:// takes no path: a Cluster has one database")
        return Cluster(_addresses(place, 6379), login)
    if scheme == "redis+sentinel":
        service, _, database = path.partition("/")
        if not service:
            raise InvalidSettings("redis+sentinel:// needs the name of the service: HOST:PORT,HOST:PORT/SERVICE")
        sentinel_login = Login(
            user=options.get("sentinel_user", "default"), password=options.get("sentinel_password", ""), tls=login.tls
        )
        sentinels = _addresses(place, 26379)
        return SentinelService(unquote(service), sentinels, sentinel_login, _in_database(login, database))
    addresses = _addresses(place, 6379)
    if len(addresses) > 1:
        raise InvalidSettings(f"{scheme}:// takes one server; for several use redis+sentinel:// or redis+cluster://")
    return SingleServer(addresses[0], _in_database(login, path))


def _in_database(login: Login, path: str) -> Login:
    return replace(login, database=_number(path or "0", "database"))


def _addresses(place: str, port: int) -> Sequence[Address]:
    try:
        parts = [urlsplit(f"//{part}") for part in place.split(",")]
        return [Address(part.hostname or "localhost", port if part.port is None else part.port) for part in parts]
    except ValueError as error:
        raise InvalidSettings("the Redis URL has a host or a port that can not be right") from error


def _number(text: str, what: str) -> int:
    if not text.isdecimal():
        raise InvalidSettings(f"the Redis URL has a {what} that is no number")
    return int(text)
