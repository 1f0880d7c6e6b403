"""Builds that are broken on purpose: the judge must find each one guilty, or its silence elsewhere proves nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import pytest
from support.faults_checker import Rule, violations
from support.faults_core import Core, core
from support.faults_plain_store import PlainStore
from support.faults_record import Outcome, Recorder

from parley_server.errors import StoreUnavailable
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.protocol import StoredSession, TurnRecord

OTHER = "other"
Script: TypeAlias = Callable[[PlainStore, Recorder, Core, Core], Awaitable[None]]
"""What callers do, and what goes wrong meanwhile, on two servers of one store."""


class AcknowledgesBeforeItCommits(PlainStore):
    """Writes when there is time for it."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[tuple[Hashable, StoredSession, TurnRecord]] = []

    def write(self, name: Hashable, session: StoredSession, record: TurnRecord) -> None:
        self.pending.append((name, session, record))

    def crash(self) -> None:
        self.pending.clear()


class DoesNotLookForDuplicates(PlainStore):
    def find(self, name: Hashable, request_id: str) -> TurnRecord | None:
        return None


class LooksForDuplicatesBeforeItCommits(PlainStore):
    """Looks when a session is opened, and trusts the compare from then on."""

    def commit(self, name: Hashable, opened: StoredSession | None, snapshot: bytes, new: TurnRecord) -> TurnRecord:
        self.compare(opened, self.snapshots.get(name))
        self.write(name, StoredSession(snapshot, new.turn, None), new)
        return new


class TrustsItsLease(PlainStore):
    """Does not compare, as nobody else can have the session while the lease lasts."""

    def compare(self, opened: StoredSession | None, now: StoredSession | None) -> None:
        pass


class TrustsItsLeaseAndLooksBefore(TrustsItsLease, LooksForDuplicatesBeforeItCommits):
    """Both at once: nothing is checked where it is written."""


class WritesTwice(PlainStore):
    """Writes the state, then the turn; the first time it is killed between the two."""

    killed = False

    def write(self, name: Hashable, session: StoredSession, record: TurnRecord) -> None:
        self.snapshots[name] = session
        if not self.killed:
            self.killed = True
            raise StoreUnavailable(maybe_applied=True)
        self.logs.setdefault(name, []).append(record)


class ForgetsTheTenant(PlainStore):
    def name(self, key: SessionKey) -> Hashable:
        return key.session_id


async def crash_after_an_answer(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    await recorder.say(here.line(), "s", "a")
    store.crash()


async def say_it_twice(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    await recorder.say(here.line(), "s", "a")
    await recorder.say(there.line(), "s", "a")


async def send_each_commit_twice(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    store.sends = 2
    await recorder.say(here.line(), "s", "a")


async def race_with_one_request(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    store.meeting = asyncio.Barrier(2)
    await asyncio.gather(recorder.say(here.line(), "s", "a"), recorder.say(there.line(), "s", "a"))


async def race_with_two_requests(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    store.meeting = asyncio.Barrier(2)
    await asyncio.gather(recorder.say(here.line(), "s", "a"), recorder.say(there.line(), "s", "b"))


async def repeat_until_it_is_answered(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    while (await recorder.say(here.line(), "s", "a")).outcome is not Outcome.OK:
        pass


async def speak_in_two_tenants(store: PlainStore, recorder: Recorder, here: Core, there: Core) -> None:
    await recorder.say(here.line(), "s", "a")
    # The judge knows no tenants: the other one's record is kept apart.
    await Recorder().say(here.line(OTHER), "s", "b")


@asynccontextmanager
async def two_servers(store: PlainStore) -> AsyncIterator[tuple[Core, Core]]:
    async with AsyncExitStack() as closing:
        yield await closing.enter_async_context(core(store)), await closing.enter_async_context(core(store))


async def broken_rules(store: PlainStore, script: Script) -> set[Rule]:
    recorder = Recorder()
    async with two_servers(store) as (here, there):
        await script(store, recorder, here, there)
        kept = {"s": await here.kept("s", DEFAULT_TENANT)}
    return {violation.rule for violation in violations(recorder.calls, kept)}


@pytest.mark.parametrize(
    ("store", "script", "broken"),
    [
        (AcknowledgesBeforeItCommits, crash_after_an_answer, {Rule.LOST}),
        (DoesNotLookForDuplicates, say_it_twice, {Rule.DOUBLED}),
        (LooksForDuplicatesBeforeItCommits, send_each_commit_twice, {Rule.NOT_REFUSED}),
        (TrustsItsLeaseAndLooksBefore, race_with_one_request, {Rule.DOUBLED, Rule.NUMBERING, Rule.MIXED, Rule.STATE}),
        (TrustsItsLease, race_with_two_requests, {Rule.NUMBERING, Rule.MIXED, Rule.STATE}),
        (WritesTwice, repeat_until_it_is_answered, {Rule.NUMBERING, Rule.MIXED, Rule.STATE}),
        (ForgetsTheTenant, speak_in_two_tenants, {Rule.FOREIGN}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_broken_build_is_found_guilty(store: type[PlainStore], script: Script, broken: set[Rule]) -> None:
    assert await broken_rules(store(), script) == broken


@pytest.mark.parametrize(
    "script",
    [
        crash_after_an_answer,
        say_it_twice,
        send_each_commit_twice,
        race_with_one_request,
        race_with_two_requests,
        repeat_until_it_is_answered,
        speak_in_two_tenants,
    ],
)
async def test_a_sound_build_comes_through_the_same(script: Script) -> None:
    assert await broken_rules(PlainStore(), script) == set()
