"""The application: builds a server out of its settings, runs it, takes it down in order. Only it knows every part."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from multiprocessing import parent_process

import uvloop

from parley_server.core.assistant import Assistant
from parley_server.errors import StoreError
from parley_server.library import Library
from parley_server.model_access import open_model
from parley_server.nlu.understanders import Understanders
from parley_server.rpc.server import RpcServer
from parley_server.rpc.servicer import ConversationServicer
from parley_server.service.chat import Chat
from parley_server.service.events import Limits
from parley_server.service.running import RunningTurns
from parley_server.service.sessions import Sessions
from parley_server.settings import Settings
from parley_server.stores.options import Clock, utc_now
from parley_server.stores.protocol import StateStore
from parley_server.stores.registry import open_store, redacted

logger = logging.getLogger(__name__)

_SWEEP_INTERVAL = timedelta(minutes=1)
_REFRESH_INTERVAL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that serves."""

    port: int
    store: StateStore
    rpc: RpcServer
    turns: RunningTurns
    library: Library


@asynccontextmanager
async def running(
    settings: Settings, *, assistants: Sequence[Assistant] = (), clock: Clock = utc_now
) -> AsyncIterator[Running]:
    """Serves while the context lasts; leaving it ends open calls within the grace, then turns, then the store.

    Args:
        settings: How to serve.
        assistants: Assistants made in Python, beside those of the settings.
        clock: The time, aware, UTC.

    Raises:
        InvalidSettings: The settings are wrong, the store can not be what is asked of it, or the port is taken.
        InvalidDefinition: An assistant has defects.
        StoreUnavailable: The store does not answer.
    """
    settings.validate()
    library = Library(settings.definitions if settings.assistant or not assistants else (), assistants)
    limits = Limits(
        turn_budget=timedelta(seconds=settings.turn_budget),
        waiting_turns=settings.waiting_turns,
        idle_expiry=settings.idle_time,
    )
    grace = timedelta(seconds=settings.grace)
    async with AsyncExitStack() as closing:
        options = replace(settings.store_options, clock=clock)
        store = await open_store(settings.store, options)
        closing.push_async_callback(store.close)
        model = open_model(settings)
        if model:
            closing.push_async_callback(model.close)
        turns = RunningTurns(waiting_limit=limits.waiting_turns, heartbeat=timedelta(seconds=settings.heartbeat))
        closing.push_async_exit(_ending(turns.drain, grace))
        chat = Chat(
            store=store,
            catalogue=library.catalogue,
            understander_of=Understanders(settings.preferred_nlu, has_model=model is not None).of,
            model=model,
            running=turns,
            limits=limits,
            clock=clock,
        )
        sessions = Sessions(store=store, catalogue=library.catalogue, limits=limits, clock=clock)
        rpc = RpcServer(ConversationServicer(chat, sessions), ready=store.ready, shares_port=settings.workers > 1)
        port = await rpc.start(settings.listen)
        closing.push_async_exit(_ending(rpc.stop, grace))
        closing.callback(turns.close)
        for chore in (_sweep(store), _refresh(library)):
            closing.callback(asyncio.create_task(chore).cancel)
        yield Running(port=port, store=store, rpc=rpc, turns=turns, library=library)


def run(settings: Settings, *, assistants: Sequence[Assistant] = ()) -> None:
    """Serves as `serve` does, on an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, assistants=assistants))


async def serve(settings: Settings, *, assistants: Sequence[Assistant] = ()) -> None:
    """Serves until SIGTERM or SIGINT; a second signal stops at once. `assistants` are those made in Python."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()

    def stop() -> None:
        if stopping.is_set() and serving:
            serving.cancel()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # Who asks for the definitions anew before they serve gets what is there: they are being read.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if parent := parent_process():
        # A worker whose parent was killed has nobody to stop it.
        loop.add_reader(parent.sentinel, _end_with_parent, stop)
    async with running(settings, assistants=assistants) as server:
        # What was loaded stays: the garbage collector need not look through it again and again.
        gc.collect()
        gc.freeze()
        reload = partial(server.library.refresh, everything=True)
        loop.add_signal_handler(signal.SIGHUP, loop.run_in_executor, None, reload)
        host, names = settings.listen.rpartition(":")[0], ", ".join(server.library.catalogue.names)
        logger.info("serving %s at %s:%d, sessions in %s", names, host, server.port, redacted(settings.store))
        await stopping.wait()
        logger.info("stopping: %d turns are running", len(server.turns))
        await server.rpc.leave()
        await asyncio.sleep(settings.drain_delay)


def _ending(end: Callable[[timedelta], Awaitable[None]], grace: timedelta) -> Callable[..., Awaitable[None]]:
    """Ends something within the grace; at once where the server is left by an error or a second signal."""

    async def leave(kind: type[BaseException] | None, *_: object) -> None:
        await end(timedelta(0) if kind else grace)

    return leave


def _end_with_parent(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    parent = parent_process()
    if parent:
        loop.remove_reader(parent.sentinel)
    stop()


async def _refresh(library: Library) -> None:
    while True:
        await asyncio.sleep(_REFRESH_INTERVAL.total_seconds())
        await asyncio.to_thread(library.refresh)


async def _sweep(store: StateStore) -> None:
    while True:
        await asyncio.sleep(_SWEEP_INTERVAL.total_seconds())
        try:
            removed = await store.sweep()
        except StoreError as error:
            logger.warning("could not sweep: %s", error.message)
        else:
            logger.debug("swept %d sessions", removed)
