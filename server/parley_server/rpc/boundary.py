"""The border of the server: here bytes become requests, errors become statuses, and calls leave their line in the log.

It wraps each method of parley's own service; health and reflection are left as they are. Nothing else calls `abort`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import AbortError

from parley_server.errors import MalformedMessage, ParleyError
from parley_server.rpc.statuses import internal_status, new_error_id, status_of

logger = logging.getLogger(__name__)

_MOST_DETAILS = 300
_LONGEST_ID = 128


Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def bounded(name: str, decode: Callable[[bytes], Any], serve: Callable[[Any, Context], Awaitable[Any]]) -> Any:
    """A method of the service inside the border: what grpc is to call with the bytes of a request.

    Args:
        name: The method's, for the log.
        decode: Reads a request.
        serve: Serves it; what it returns is what grpc is given.
    """

    async def wrapped(data: bytes, context: Context) -> Any:
        call = _Call(name)
        try:
            # Decoding happens in here and not in grpc, which would answer UNKNOWN with the parser's words.
            request = _decoded(decode, data, name)
            call.session_id = request.session_id
            last = await serve(request, context)
        except ParleyError as error:
            status = call.refused(error)
        except (asyncio.CancelledError, AbortError):
            call.left()
            raise
        except Exception as error:
            if _caller_is_gone(error):
                call.left()
                raise
            status = call.failed(error)
        else:
            call.answered()
            return last
        await context.abort_with_status(status)
        raise AssertionError("an aborted call does not go on")

    return wrapped


def _decoded(decode: Callable[[bytes], Any], data: bytes, method: str) -> Any:
    try:
        return decode(data)
    except DecodeError as error:
        raise MalformedMessage(f"{method}Request") from error


def _caller_is_gone(error: Exception) -> bool:
    # grpc gives a write to a caller who is gone an error of a private type.
    return type(error).__name__ == "ExecuteBatchError"


class _Call:
    """One call, for its line in the log."""

    def __init__(self, method: str) -> None:
        self.session_id = ""
        self._method = method
        self._began = time.perf_counter()

    def answered(self) -> None:
        logger.debug("%s ok, session %r, %.1f ms", self._method, self._session, self._took)

    def left(self) -> None:
        logger.debug("%s left by its caller, session %r, %.1f ms", self._method, self._session, self._took)

    def refused(self, error: ParleyError) -> grpc.Status:
        """Logs a refusal in one line; an error that is no caller's doing is a failure."""
        status = status_of(error)
        if status is None:
            return self.failed(error)
        logger.info(
            "%s refused: %s, %s, session %r, %s, %.1f ms",
            self._method,
            status.code.name,
            type(error).__name__,
            self._session,
            str(error.details)[:_MOST_DETAILS],
            self._took,
        )
        return status

    def failed(self, error: Exception) -> grpc.Status:
        """Logs a fault with its traceback, under an id that the caller gets."""
        error_id = new_error_id()
        logger.error("%s failed: error_id %s, session %r", self._method, error_id, self._session, exc_info=error)
        return internal_status(error_id)

    @property
    def _session(self) -> str:
        return self.session_id[:_LONGEST_ID]

    @property
    def _took(self) -> float:
        return (time.perf_counter() - self._began) * 1000
