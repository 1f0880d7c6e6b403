"""Code of an author who does everything wrong."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

from parley_server.core.conditions import Scope
from parley_server.core.reactions import Reaction
from parley_server.core.slots import ValidationScope

WRONG = """
assistant: wrong
slots:
  size: {type: integer}
  mood: {type: string, extract: "support.misbehaviour:mood_in", validate: "support.misbehaviour:refuse"}
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
    "find: a number": lambda: None,
    "find: raises": lambda: None,
    "find: cancels": lambda: None,
    "refuse: a number": lambda: None,
    "refuse: raises": lambda: None,
    "refuse: leaves": lambda: None,
    "divide": lambda: Reaction(to="start"),
}


def misbehave(scope: Scope) -> Reaction | None:
    """Does what the message names."""
    misdeed = MISDEEDS.get(scope.understanding.message)
    return misdeed() if misdeed else Reaction(say="All is well.")


async def misbehave_in_the_loop(scope: Scope) -> Reaction | None:
    """The same as a coroutine."""
    return misbehave(scope)


def mood_in(message: str) -> Any:
    """Finds what the message tells it to find."""
    verb, _, object_ = message.partition(": ")
    return _misdone(object_) if verb == "find" else object_ or None


async def refuse(value: str, _scope: ValidationScope) -> Any:
    """Refuses as the value tells it to."""
    return _misdone(value)


def _misdone(how: str) -> int:
    return 5 if how == "a number" else MISDEEDS[how]()
