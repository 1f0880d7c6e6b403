"""Which store a URL names.

| URL | store |
| --- | --- |
| `memory://` | `InMemoryStore` |
| `file:///DIRECTORY` | `FileStore` in an absolute directory |
| `sqlite:///PATH` | `SqliteStore` in a file, relative to where the server was started |
| `sqlite:////PATH` | the same with an absolute path (mind the fourth slash) |
| `redis://`, `rediss://`, `redis+sentinel://`, `redis+cluster://` | `RedisStore`; needs the extra `redis` |
| any other scheme | the entry point of that name in the group `parley.stores` |

An entry point names an `Opener`. This module must not import a store before it is asked for.
"""

from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias

from parley_server.errors import InvalidSettings
from parley_server.extras import how_to_install
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore

GROUP = "parley.stores"

Opener: TypeAlias = Callable[[str, StoreOptions], Awaitable[StateStore]]
"""Opens the store that a URL of its scheme names. It raises InvalidSettings where the URL or the backing is unfit."""

_REDIS = "parley_server.stores.redis:open_url"
_BUILT_IN = {
    "memory": "parley_server.stores.memory:open_url",
    "file": "parley_server.stores.file:open_url",
    "sqlite": "parley_server.stores.sqlite:open_url",
    "redis": _REDIS,
    "rediss": _REDIS,
    "redis+sentinel": _REDIS,
    "redis+cluster": _REDIS,
}


async def open_store(url: str, options: StoreOptions | None = None) -> StateStore:
    """Opens the store that a URL names.

    Args:
        url: The backing; see the table at the top of the module.
        options: How the store is to work.

    Raises:
        InvalidSettings: No such scheme, or the store can not be what is asked of it.
        StoreUnavailable: The backing does not answer.
    """
    options = options or StoreOptions()
    store = await _opener(url)(url, options)
    asked = options.durability
    if asked is not None and store.durability.rank < asked.rank:
        await store.close()
        raise InvalidSettings(
            f"the store {redacted(url)} keeps turns with the durability {store.durability.value!r}, "
            f"which is less than the {asked.value!r} that is asked for"
        )
    return store


def redacted(url: str) -> str:
    """The URL without what may be secret in it: user, password, query and fragment."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "…"
    # All that precedes the last @ may be a password, since one may hold any character if it was not quoted.
    place = rest.rpartition("@")[2].partition("?")[0].partition("#")[0]
    return f"{scheme}://{place}"


def _opener(url: str) -> Opener:
    scheme, separator, _ = url.partition("://")
    points = {point.name: point for point in entry_points(group=GROUP)}
    points |= {name: EntryPoint(name, opener, GROUP) for name, opener in _BUILT_IN.items()}
    if not separator or scheme not in points:
        known = ", ".join(f"{name}://" for name in sorted(points))
        raise InvalidSettings(f"no store has the scheme of {redacted(url)!r}; known are {known}")
    try:
        opener: Opener = points[scheme].load()
    except ModuleNotFoundError as error:
        if error.name == "hiredis":
            raise InvalidSettings(f"{scheme}:// needs one more package: {how_to_install('redis')}") from error
        raise
    return opener
