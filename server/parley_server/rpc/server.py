"""The gRPC server: the services on it, its options, its health, its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from parley_server.errors import InvalidSettings, ParleyError
from parley_server.rpc.servicer import SERVICE, ConversationServicer, service_handler

logger = logging.getLogger(__name__)

_OPTIONS = (
    ("grpc.max_receive_message_length", 256 * 1024),
    # Guards memory only: beyond it calls queue silently in the client.
    ("grpc.max_concurrent_streams", 1000),
    # A caller that hangs is found in 40 s instead of two hours; the time-out of the ping itself is what counts.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Callers may keep a silent stream alive without being cut off for too many pings.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Idle connections go; long-lived ones are made anew now and then, so that load spreads over new servers.
    ("grpc.max_connection_idle_ms", 15 * 60_000),
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 70_000),
)
_HEALTH_INTERVAL = timedelta(seconds=2)
_CALL = "rpc_task"
"""The name that grpc gives to the task of a call."""
_LAST_STEPS = timedelta(seconds=0.2)
"""What a call that is cancelled may take to be over."""


class RpcServer:
    """Serves `ConversationService`, health and reflection."""

    def __init__(
        self, servicer: ConversationServicer, *, ready: Callable[[], Awaitable[None]], shares_port: bool = False
    ) -> None:
        """Takes the service, what raises StoreUnavailable while it can not serve, and whether it is one of several.

        A second server on the port is an error unless it is one of several workers: it would silently take a share of
        the connections.
        """
        self._ready = ready
        options = (*_OPTIONS, ("grpc.so_reuseport", int(shares_port)))
        self._server = grpc.aio.server(options=options)
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers((service_handler(servicer),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self._watch: asyncio.Task[None] | None = None

    async def start(self, listen: str) -> int:
        """Listens at `host:port`; returns the port, which the system chooses for port 0.

        Raises:
            InvalidSettings: Nobody can listen there.
        """
        try:
            port = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise InvalidSettings(f"can not listen at {listen}: is the port taken?") from error
        await self._report_health()
        await self._server.start()
        self._watch = asyncio.create_task(self._watch_health())
        return port

    async def leave(self) -> None:
        """Tells balancers that this server is going."""
        self._stop_watching()
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: timedelta) -> None:
        """Takes no more calls, and gives those that are open so long to end; when it is cancelled, they are."""
        self._stop_watching()
        try:
            await self._server.stop(grace.total_seconds())
        except asyncio.CancelledError:
            await self._server.stop(0)
            raise
        finally:
            # It returns before the calls that it cancels are over; who cancels these once more gets their tracebacks.
            calls = [task for task in asyncio.all_tasks() if task.get_name() == _CALL]
            if calls:
                await asyncio.wait(calls, timeout=_LAST_STEPS.total_seconds())

    def _stop_watching(self) -> None:
        if self._watch:
            self._watch.cancel()

    async def _watch_health(self) -> None:
        while True:
            await asyncio.sleep(_HEALTH_INTERVAL.total_seconds())
            await self._report_health()

    async def _report_health(self) -> None:
        status = health_pb2.HealthCheckResponse.SERVING
        try:
            await self._ready()
        except Exception as error:  # noqa: BLE001  # whatever fails: the watch goes on, and tells when it is over
            logger.warning("not ready: %s", error if isinstance(error, ParleyError) else type(error).__name__)
            status = health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", SERVICE):
            await self._health.set(service, status)
