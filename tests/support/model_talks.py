"""Conversations with a real server whose model a test scripts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.model_exchange import Behaviour
from support.model_server import ModelServer
from support.servers import definition, serving

import parley
from parley_server.app import Running
from parley_server.stores.options import Clock, utc_now

CANNED = "I will ask."
"""What stands in for what the model writes."""

CHAT = f"""
assistant: chat
nlu: rules
model:
  instructions: You speak for the wine shop "Cork".
slots:
  colour: {{type: choice, choices: {{red: [], white: []}}}}
flows:
  shop:
    states:
      hello: {{say: Welcome!, on: [{{when: confirm, to: talk}}, {{when: slots.colour == 'red', to: bare}}]}}
      talk:
        phase: processing
        generate: {{instructions: Answer questions about wine., otherwise: {CANNED}}}
        on: [{{when: confirm, to: bye}}]
      bare: {{generate: Answer questions about red wine., on: [{{when: confirm, to: bye}}]}}
      bye: {{phase: completion, say: Goodbye!}}
"""
"""To `hello`, "yes" leads to `talk`, where the assistant has something to say without the model, and "red" to `bare`,
where it has not."""

PLAN_B, BARE = "yes", "red"
"""What a user says to get from the first state to one whose text the model writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A server, a client of it, and the model that the server asks."""

    server: Running
    client: parley.AsyncClient
    model: ModelServer

    async def say(self, *messages: str, session_id: str = "s") -> parley.TurnCompleted:
        """Takes these turns, one after the other; the last one's end."""
        completed = [await self.client.say(message, session_id=session_id) for message in messages]
        return completed[-1]

    async def turns(self, session_id: str = "s") -> Sequence[parley.Turn]:
        """All turns of a session."""
        return [turn async for turn in self.client.history(session_id)]

    @property
    def sent(self) -> str:
        """All that the model was sent."""
        return str([request.body for request in self.model.requests])


@asynccontextmanager
async def talking(
    folder: Path,
    *behaviours: Behaviour,
    text: str = CHAT,
    others: Sequence[Path] = (),
    clock: Clock = utc_now,
    **settings: Any,
) -> AsyncIterator[Talk]:
    """A conversation with this assistant, whose model behaves so."""
    served = (definition(folder, text), *others)
    async with ModelServer.running(*behaviours) as model:
        options: dict[str, Any] = {"model": "m", "base_url": model.base_url, "assistant": served, **settings}
        async with serving(clock=clock, **options) as (server, client):
            yield Talk(server=server, client=client, model=model)


def reply_of(events: Sequence[parley.Event]) -> str:
    """The reply as somebody sees it who puts its pieces together."""
    text = ""
    for event in events:
        if isinstance(event, parley.Restarted):
            text = ""
        elif isinstance(event, parley.TextDelta):
            assert event.offset == len(text)
            text += event.text
    return text
