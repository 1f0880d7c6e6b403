"""Code of an author who does everything wrong."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

from parley_server.core.conditions import Scope
from parley_server.core.reactions import Reaction

WRONG = """
assistant: wrong
slots:
  size: {type: integer}
flows:
  main: {states: {start: {say: "{{ 1 // 0 if message == 'divide' }}Hi.", on: [{when: always, to: start}]}}}
branches:
  - {name: all, when: always, run: "support.misbehaviour:misbehave"}
"""


def _cancel() -> Reaction:
    raise asyncio.CancelledError


def _leave() -> Reaction:
    raise SystemExit(3)


def _raise() -> Reaction:
    raise ValueError("a secret")


MISDEEDS: dict[str, Callable[[], Any]] = {
    "raises": _raise,
    "cancels": _cancel,
    "leaves": _leave,
    "returns something": lambda: "a text",
    "goes nowhere": lambda: Reaction(to="nowhere"),
    "starts nothing": lambda: Reaction(start="nothing"),
    "starts at no state": lambda: Reaction(start="main/nowhere"),
    "calls nobody": lambda: Reaction(call="nobody"),
    "fills a wrong type": lambda: Reaction(fill={"size": "big"}),
    "fills no slot": lambda: Reaction(fill={"day": date(2026, 3, 4)}),
    "fills a giant": lambda: Reaction(fill={"size": 2**64}),
    "keeps an object": lambda: Reaction(metadata={"x": object()}),  # type: ignore[dict-item]
    "keeps a giant": lambda: Reaction(metadata={"x": 2**64}),
    "keeps no number": lambda: Reaction(metadata={"x": float("nan")}),
    "keeps too much": lambda: Reaction(metadata={"x": "x" * 100_000}),
    "says too much": lambda: Reaction(say="x" * 100_000),
    "divide": lambda: Reaction(to="start"),
}


def misbehave(scope: Scope) -> Reaction | None:
    """Does what the message names."""
    misdeed = MISDEEDS.get(scope.understanding.message)
    return misdeed() if misdeed else Reaction(say="All is well.")


async def misbehave_in_the_loop(scope: Scope) -> Reaction | None:
    """The same as a coroutine."""
    return misbehave(scope)
