"""The turnstile: one holder at a time, and nobody waits for what can not be used."""

import asyncio
from datetime import timedelta

import pytest

from parley_server.errors import StoreUnavailable
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.turnstile import Turnstile

KEY = SessionKey(DEFAULT_TENANT, "s")
PATIENT = timedelta(seconds=60)


async def test_who_waits_is_turned_away_when_the_session_can_not_be_used() -> None:
    turnstile = Turnstile()
    await turnstile.enter(KEY, PATIENT)
    waiting = [asyncio.create_task(turnstile.enter(KEY, PATIENT)) for _ in range(3)]
    await asyncio.sleep(0)

    turnstile.turn_away(KEY)

    assert all(isinstance(error, StoreUnavailable) for error in await asyncio.gather(*waiting, return_exceptions=True))
    await turnstile.enter(KEY, timedelta(0))


async def test_who_gave_up_before_is_not_turned_away() -> None:
    turnstile = Turnstile()
    await turnstile.enter(KEY, PATIENT)
    waiting = asyncio.create_task(turnstile.enter(KEY, PATIENT))
    await asyncio.sleep(0)
    waiting.cancel()

    turnstile.turn_away(KEY)

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await turnstile.enter(KEY, timedelta(0))
