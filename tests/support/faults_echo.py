"""An assistant whose every reply tells what it was asked and all that was asked before, so that nothing can go amiss
unseen: the reply holds the message, how many turns there were, and a chain of hashes over all their messages. The same
count and chain are the session's metadata.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from parley_server.core.conditions import Scope
from parley_server.core.reactions import Reaction

DEFINITION = Path(__file__).with_suffix(".yaml")
GATES = "PARLEY_FAULTS_GATES"
"""The environment's name of the directory in which turns that wait at a gate meet the test that opens it."""

_LOOK_EVERY = 0.002


@dataclass(frozen=True, slots=True)
class Echo:
    """What the assistant knows: how many messages it heard, and the chain over them."""

    count: int = 0
    chain: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, object]) -> "Echo":
        """What a session's metadata say that it knows."""
        return cls(int(str(metadata.get("count", 0))), str(metadata.get("chain", "")))

    def heard(self, message: str) -> "Echo":
        """What it knows after one message more."""
        chain = hashlib.blake2b(f"{self.chain}\n{message}".encode(), digest_size=6).hexdigest()
        return Echo(self.count + 1, chain)

    def reply(self, message: str) -> str:
        """What it answers to the message that it heard last."""
        return f"{message} #{self.count} {self.chain}"


NOTHING = Echo()
"""What it knows at first."""


def echoes(messages: Iterable[str]) -> list[Echo]:
    """What the assistant knows after each message, and before the first."""
    known = [NOTHING]
    for message in messages:
        known.append(known[-1].heard(message))
    return known


async def echo(scope: Scope) -> Reaction:
    """Answers a message; one that names a gate (`… @gate`) waits there."""
    message = scope.understanding.message
    _, _, gate = message.partition("@")
    if gate:
        await _pass(Path(os.environ[GATES]) / gate)
    known = Echo.of(scope.context.metadata).heard(message)
    return Reaction(metadata={"count": str(known.count), "chain": known.chain}, say=known.reply(message))


async def _pass(gate: Path) -> None:
    gate.with_suffix(".reached").touch()
    while not gate.with_suffix(".open").exists():  # noqa: ASYNC110 (it is opened in another process)
        await asyncio.sleep(_LOOK_EVERY)
