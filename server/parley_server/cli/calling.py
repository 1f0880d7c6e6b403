"""Calling a server for a command, and saying in a sentence why one can not."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue

import click
import grpc

import parley

_KNOCK_TIME = timedelta(seconds=5)


@contextmanager
def calling(address: str, *, retry: parley.RetryPolicy | None = None) -> Iterator[parley.Client]:
    """A client of the server at an address.

    Raises:
        ClickException: No server answers there, or a call failed.
    """
    if not answers(address):
        raise click.ClickException(no_server(address))
    with parley.Client(address, retry=retry) as client:
        try:
            yield client
        except parley.ParleyError as error:
            raise click.ClickException(why(error, address)) from error


def answers(address: str) -> bool:
    """Whether anybody can be connected to at an address."""
    states: SimpleQueue[grpc.ChannelConnectivity] = SimpleQueue()
    with grpc.insecure_channel(address) as channel, suppress(Empty):
        channel.subscribe(states.put, try_to_connect=True)
        while (state := states.get(timeout=_KNOCK_TIME.total_seconds())) is not grpc.ChannelConnectivity.READY:
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                return False
        return True
    return False


def why(error: parley.ParleyError, address: str) -> str:
    """Why a call failed, for people."""
    if isinstance(error, parley.Unavailable) and error.reason is parley.Reason.UNSPECIFIED:
        return no_server(address)
    return str(error)


def no_server(address: str) -> str:
    """That nobody is there, and what to do."""
    return f"no server answers at {address}: `parley serve` starts one"
