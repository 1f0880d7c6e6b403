"""The border of the server: here bytes become requests, errors become statuses, and calls leave their line in the log.

It wraps each method of parley's own service, once; health and reflection are left as they are. Nothing else calls
`abort`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import AbortError

from parley_server.errors import MalformedMessage, ParleyError
from parley_server.rpc.statuses import internal_status, new_error_id, status_of

logger = logging.getLogger(__name__)

_OWN_METHODS = "/parley.v1."
_MOST_DETAILS = 300


Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Boundary(grpc.aio.ServerInterceptor):
    """Decodes requests, maps errors, logs calls."""

    def __init__(self) -> None:
        self._wrapped: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        """Gives the wrapped handler of a method."""
        method = handler_call_details.method
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if not method.startswith(_OWN_METHODS) or handler is None:
                return handler
            self._wrapped[method] = _wrap(method.rpartition("/")[2], handler)
        return self._wrapped[method]


def _wrap(name: str, handler: _Handler) -> _Handler:
    # All of parley's methods answer with a stream, and are coroutines that write.
    decode = cast("Callable[[bytes], Any]", handler.request_deserializer)
    serve = cast("Callable[[Any, Context], Awaitable[None]]", handler.unary_stream)

    async def wrapped(data: bytes, context: Context) -> None:
        began = time.perf_counter()
        session_id = ""
        try:
            # Decoding happens in here and not in grpc, which would answer UNKNOWN with the parser's words.
            request = _decoded(decode, data, name)
            session_id = request.session_id
            await serve(request, context)
        except ParleyError as error:
            status = status_of(error)
            logger.info(
                "%s refused: %s, %s, session %r, %s, %.1f ms",
                name,
                status.code.name,
                type(error).__name__,
                session_id[:128],
                str(error.details)[:_MOST_DETAILS],
                _since(began),
            )
        except (asyncio.CancelledError, AbortError):
            logger.debug("%s left by its caller, session %r, %.1f ms", name, session_id[:128], _since(began))
            raise
        except Exception as error:
            if _caller_is_gone(error):
                logger.debug("%s left by its caller, session %r, %.1f ms", name, session_id[:128], _since(began))
                return
            error_id = new_error_id()
            logger.exception("%s failed: error_id %s, session %r", name, error_id, session_id[:128])
            status = internal_status(error_id)
        else:
            logger.debug("%s ok, session %r, %.1f ms", name, session_id[:128], _since(began))
            return
        await context.abort_with_status(status)

    # Without a deserializer of its own grpc hands over the bytes.
    return grpc.unary_stream_rpc_method_handler(cast("Any", wrapped), response_serializer=handler.response_serializer)


def _decoded(decode: Callable[[bytes], Any], data: bytes, method: str) -> Any:
    try:
        return decode(data)
    except DecodeError as error:
        raise MalformedMessage(f"{method}Request") from error


def _caller_is_gone(error: Exception) -> bool:
    # grpc gives a write to a caller who is gone an error of a private type.
    return type(error).__name__ == "ExecuteBatchError"


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
