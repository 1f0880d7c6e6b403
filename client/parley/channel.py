"""How a client is connected: the options of its gRPC channel.

This module must not know what is said over the channel.
"""

from dataclasses import dataclass
from datetime import timedelta

import grpc
import grpc.aio

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """How to reach the server.

    A token travels in the credentials: `grpc.composite_channel_credentials(grpc.ssl_channel_credentials(),
    grpc.access_token_call_credentials(token))`.
    """

    credentials: grpc.ChannelCredentials | None = None
    """TLS and whatever else proves who calls; None: plain text."""
    max_receive_bytes: int = 4 * MEBIBYTE
    """The largest message to accept from the server."""
    keepalive: timedelta = timedelta(seconds=30)
    """How long a connection with calls may be silent before it is probed. The server allows 10 s and more."""
    ping_timeout: timedelta = timedelta(seconds=10)
    """How long to wait for the answer to a probe before the connection counts as dead."""

    def arguments(self) -> list[tuple[str, int]]:
        """Returns the options as gRPC takes them."""
        ping_timeout_ms = self.ping_timeout // timedelta(milliseconds=1)
        return [
            ("grpc.max_receive_message_length", self.max_receive_bytes),
            ("grpc.keepalive_time_ms", self.keepalive // timedelta(milliseconds=1)),
            # The first bounds the wait for any byte, the second the wait for the answer: a peer that hangs with its
            # socket open is found by the second alone.
            ("grpc.keepalive_timeout_ms", ping_timeout_ms),
            ("grpc.http2.ping_timeout_ms", ping_timeout_ms),
            ("grpc.keepalive_permit_without_calls", 0),
            # A call that is silent for long, such as `follow`, is probed as long as it lasts.
            ("grpc.http2.max_pings_without_data", 0),
            # The client repeats turns itself, and must be able to as soon as the server is back.
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5_000),
        ]


def open_channel(target: str, options: ChannelOptions) -> grpc.Channel:
    """Opens a channel for `parley.Client`. It connects at the first call."""
    if options.credentials is None:
        return grpc.insecure_channel(target, options=options.arguments())
    return grpc.secure_channel(target, options.credentials, options=options.arguments())


def open_async_channel(target: str, options: ChannelOptions) -> grpc.aio.Channel:
    """Opens a channel for `parley.AsyncClient`, in the running event loop. It connects at the first call."""
    if options.credentials is None:
        return grpc.aio.insecure_channel(target, options=options.arguments())
    return grpc.aio.secure_channel(target, options.credentials, options=options.arguments())
