"""Understanding by a model that says what a test wants, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from support.model_answers import says_json
from support.model_exchange import Behaviour
from support.model_requests import defects
from support.model_server import ModelServer
from support.models import calls

from parley_server.core.context import Message
from parley_server.core.generation import ModelProfile, Nlu
from parley_server.core.slots import Choice, SlotDefinition, SlotType
from parley_server.core.understanding import IntentExamples, Situation, Understanding
from parley_server.models.consultation import Consultation
from parley_server.nlu.cascade import CascadeUnderstander
from parley_server.nlu.openai import OpenAIUnderstander
from parley_server.nlu.rules import RulesUnderstander

NOW = datetime(2026, 3, 4, 10, tzinfo=ZoneInfo("America/New_York"))
SLOTS = {
    slot.name: slot
    for slot in (
        SlotDefinition(name="party", type=SlotType.INTEGER),
        SlotDefinition(name="tip", type=SlotType.FLOAT),
        SlotDefinition(name="terrace", type=SlotType.BOOLEAN),
        SlotDefinition(name="day", type=SlotType.DATE),
        SlotDefinition(name="hour", type=SlotType.TIME),
        SlotDefinition(name="mail", type=SlotType.EMAIL),
        SlotDefinition(name="phone", type=SlotType.PHONE),
        SlotDefinition(name="wish", type=SlotType.STRING),
        SlotDefinition(name="size", type=SlotType.CHOICE, choices=(Choice(name="small"), Choice(name="large"))),
        SlotDefinition(name="pin", type=SlotType.STRING, sensitive=True),
    )
}
INTENTS = (
    IntentExamples(name="hours", examples=("when are you open",)),
    IntentExamples(name="menu", examples=("what is on the menu",)),
)
_RULES = RulesUnderstander()


def situation(**fields: Any) -> Situation:
    """What a message is read in the light of; nothing was asked unless the fields say so."""
    known = {"now": NOW, "slots": SLOTS, "intents": INTENTS, "recent": (Message("assistant", "And now?"),)}
    return Situation(**{**known, **fields})


def proposal(**fields: object) -> dict[str, object]:
    """What a model writes of a message: nothing but these fields."""
    nothing: dict[str, object] = {
        "slots": {},
        "intents": [],
        "answer": None,
        "command": None,
        "correction": False,
        "mentioned": [],
    }
    return {**nothing, **fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A message that was read."""

    understanding: Understanding
    server: ModelServer
    degraded: bool

    @property
    def values(self) -> Mapping[str, object]:
        """The value of each slot."""
        return {name: candidate.value for name, candidate in self.understanding.slots.items()}

    @property
    def sent(self) -> str:
        """All that the model was sent."""
        return str([request.body for request in self.server.requests])


@asynccontextmanager
async def reading(
    message: str,
    light: Situation,
    *behaviours: Behaviour,
    nlu: Nlu = Nlu.OPENAI,
    profile: ModelProfile | None = None,
    within: float = 60.0,
) -> AsyncIterator[Read]:
    """A message that a model reads which behaves so."""
    async with calls(*behaviours) as (server, asked):
        made = CascadeUnderstander if nlu is Nlu.CASCADE else OpenAIUnderstander
        consultation = Consultation(asked, deadline=_later(within))
        understanding = await made(_RULES, profile or ModelProfile()).understand(message, light, consultation)
        assert not [defect for request in server.requests for defect in defects(request.body)]
        yield Read(understanding=understanding, server=server, degraded=consultation.degraded)


async def read(message: str, light: Situation, said: Mapping[str, object] | Behaviour, **options: Any) -> Read:
    """The same where the model's server is no longer of interest."""
    behaviour = says_json(said) if isinstance(said, Mapping) else said
    async with reading(message, light, behaviour, **options) as done:
        return done


def by_rules(message: str, light: Situation) -> Understanding:
    """What the rules make of a message."""
    return _RULES.read(message, light)


def _later(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
