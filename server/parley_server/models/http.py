"""HTTP for calls of models: from the package `openai` straight to aiohttp.

The package sends its requests through a client of httpx2, which readies each of them for what a client of web pages may
need: cookies, redirects, hooks, authentication. A call of a model needs none of it, and it takes as long as the rest.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
from yarl import URL

from parley_server.errors import ModelFault, ModelUnavailable

logger = logging.getLogger(__name__)

_url = lru_cache(maxsize=4)(httpx2.URL)
"""Reading an address takes a fifth of a request, and it is the same each time."""
_OPEN_CONNECTIONS = 2000
_CONNECTING = 5.0
"""Seconds. What a call takes as a whole is bounded by whoever makes it."""
_LAST_BYTES = 1.0
"""Seconds that a body may take to end behind the end of what it says."""
_LONGEST_PAUSE = timedelta(minutes=2)
_UNFIT = frozenset({400, 413, 422})
"""What a server answers to a request that is not for it, as others may be."""


class ModelHttpClient(httpx2.AsyncClient):
    """What the package sends its requests with; responses are handed out before their body is read."""

    def __init__(self, *, tls: bool) -> None:
        """Connects with its first request: all go to one server, for which the environment may name a proxy.

        Args:
            tls: Whether to load certificates now, which takes long and would hold up whatever else runs later.

        Raises:
            OSError: They can not be read.
        """
        # What it would send requests with itself is never used, and the certificates for it take long to load.
        super().__init__(transport=httpx2.AsyncBaseTransport(), trust_env=False)
        self._ssl = httpx2.create_ssl_context() if tls else True
        self._session: aiohttp.ClientSession | None = None

    def build_request(self, method: str, url: httpx2.URL | str, **given: Any) -> httpx2.Request:
        """Builds a request of what the package gives, and adds nothing."""
        return httpx2.Request(method, _url(str(url)), headers=given["headers"], content=given["content"])

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Sends a request.

        Raises:
            aiohttp.ClientError: There is no connection, or what came is no HTTP.
            ModelUnavailable: The status is an error's; then the body is not read.
        """
        if self._session is None:
            self._session = _session_for(str(request.url), tls=self._ssl)
        response = await self._session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=request.headers.multi_items(),
            data=request.content,
            allow_redirects=False,
        )
        if response.status >= 300:
            response.release()
            raise _refusal(response)
        body = ModelBody(response)
        return httpx2.Response(response.status, headers=response.raw_headers, stream=body, request=request)

    async def aclose(self) -> None:
        """Closes its connections."""
        await super().aclose()
        if self._session:
            await self._session.close()


class ModelBody(httpx2.AsyncByteStream):
    """The body of a response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        """Takes the response."""
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.content.iter_any()

    async def aclose(self) -> None:
        """Leaves it where it is: unless it has ended, its connection ends."""
        self._response.release()

    def leave(self) -> None:
        """Leaves it behind the end of what it says: it ends soon, and then its connection serves the next call."""
        if self._response.connection is not None:
            asyncio.get_running_loop().call_later(_LAST_BYTES, self._response.release)


def _session_for(url: str, *, tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    address = urlsplit(url)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_OPEN_CONNECTIONS, ssl=tls),
        proxy=_proxy_for(address),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECTING),
    )


def _proxy_for(address: SplitResult) -> str | None:
    """The proxy that the environment names for an address: for its scheme or for all, with a scheme or without."""
    # An exception may have a port, and one for an address of IPv6 has no brackets.
    if proxy_bypass(address.netloc) or proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _refusal(response: aiohttp.ClientResponse) -> ModelUnavailable:
    logger.warning("the model's server answered with status %d", response.status)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ModelUnavailable(ModelFault.RATE_LIMITED, retry_after=_pause(response))
    if response.status >= 500:
        return ModelUnavailable(ModelFault.SERVER_ERROR)
    return ModelUnavailable(ModelFault.UNFIT if response.status in _UNFIT else ModelFault.REJECTED)


def _pause(response: aiohttp.ClientResponse) -> timedelta:
    try:
        return min(timedelta(seconds=max(float(response.headers.get("retry-after", "")), 0)), _LONGEST_PAUSE)
    except (ValueError, OverflowError):
        return timedelta(seconds=1)
