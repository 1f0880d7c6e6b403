"""Understanding by the rules; by a model only where they leave open what was asked, or what a message is for."""

from collections.abc import Mapping

from msgspec.structs import replace

from parley_server.core.generation import ModelProfile
from parley_server.core.slots import Candidate
from parley_server.core.understanding import Situation, Understanding
from parley_server.models.consultation import Consultation
from parley_server.nlu.intents import STRONG
from parley_server.nlu.openai import OpenAIUnderstander
from parley_server.nlu.rules import RulesUnderstander

_MOST = 0.5
"""The share of a message that found values must take for the message to be explained by them."""


class CascadeUnderstander:
    """Understands by the rules, and asks the model about what they leave open."""

    recent_turns = 1

    def __init__(self, rules: RulesUnderstander, profile: ModelProfile) -> None:
        """Takes the rules, and how the assistant uses the model."""
        self._rules = rules
        self._model = OpenAIUnderstander(rules, profile)

    async def understand(self, message: str, situation: Situation, consultation: Consultation) -> Understanding:
        """Says what the message says."""
        by_rules = self._rules.read(message, situation)
        if not leaves_open(by_rules, situation):
            return by_rules
        proposed = await self._model.propose(message, situation, by_rules, consultation)
        return by_rules if proposed is None else _completed(by_rules, proposed)


def leaves_open(understanding: Understanding, situation: Situation) -> bool:
    """Whether a reading leaves open what was asked, or what the message is for."""
    if understanding.command or (understanding.intents and understanding.intents[0].score >= STRONG):
        return False
    requested = situation.requested
    if requested in understanding.slots or any(refused.slot == requested for refused in understanding.rejected):
        return False
    if situation.confirming:
        return understanding.answer is None and not _explains(understanding)
    if understanding.correction and (understanding.slots or understanding.mentioned):
        return False
    # Nothing was asked, or something else was said than what was asked.
    return not _explains(understanding)


def _explains(understanding: Understanding) -> bool:
    """Whether the values that were found are most of the message."""
    found = sum(len(candidate.raw) for candidate in understanding.slots.values())
    return found >= _MOST * len(understanding.message.strip())


def _completed(by_rules: Understanding, proposed: Understanding) -> Understanding:
    """What the rules found, completed by what a model found besides."""
    slots: Mapping[str, Candidate] = {**proposed.slots, **by_rules.slots}
    refused = {found.slot for found in by_rules.rejected}
    rejected = [found for found in proposed.rejected if found.slot not in slots and found.slot not in refused]
    return replace(
        by_rules,
        slots=slots,
        rejected=tuple(found for found in by_rules.rejected if found.slot not in proposed.slots) + tuple(rejected),
        mentioned=(by_rules.mentioned | proposed.mentioned) - slots.keys(),
        intents=proposed.intents or by_rules.intents,
        answer=by_rules.answer or proposed.answer,
        command=by_rules.command or proposed.command,
        correction=by_rules.correction or proposed.correction,
    )
