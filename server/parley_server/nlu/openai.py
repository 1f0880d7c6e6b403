"""Understanding by a model: one call a turn gives slots, intents, yes or no, commands and corrections together.

The rules read each message first: they find what is sensitive, which a model is not shown, and they are what remains
when the model gives no answer.
"""

import json
from collections.abc import Mapping

from msgspec.structs import replace

from parley_server.core.context import Message
from parley_server.core.generation import ModelProfile
from parley_server.core.slots import SlotDefinition
from parley_server.core.understanding import Situation, Understanding
from parley_server.core.withholding import WITHHELD, shown_slots, without
from parley_server.errors import ModelUnavailable
from parley_server.models.consultation import Consultation
from parley_server.models.prompts import prompt, shortened
from parley_server.models.protocol import SYSTEM, ModelRequest, Purpose
from parley_server.nlu.proposals import KINDS, read_proposal, schema_of, understanding_of
from parley_server.nlu.rules import RulesUnderstander

_MOST_TOKENS = 2000
"""Far more than the answer takes: models that reason spend of them too."""
_LONGEST_QUESTION = 2000
"""Characters; what a reply asks stands at its end."""


class OpenAIUnderstander:
    """Understands by the model, and by the rules where that gives no answer."""

    recent_turns = 1

    def __init__(self, rules: RulesUnderstander, profile: ModelProfile) -> None:
        """Takes the rules, and how the assistant uses the model."""
        self._rules = rules
        self._profile = profile

    async def understand(self, message: str, situation: Situation, consultation: Consultation) -> Understanding:
        """Says what the message says."""
        by_rules = self._rules.read(message, situation)
        proposed = await self.propose(message, situation, by_rules, consultation)
        if proposed is None:
            return by_rules
        # What the model was not shown, it could not find.
        shown = self._shown(situation)
        own = {name: found for name, found in by_rules.slots.items() if name not in shown}
        refused = tuple(found for found in by_rules.rejected if found.slot not in shown)
        return replace(
            proposed,
            slots={**proposed.slots, **own},
            rejected=proposed.rejected + refused,
            private=by_rules.private,
            mentioned=proposed.mentioned | (by_rules.mentioned - shown.keys()),
            command=proposed.command or by_rules.command,
            correction=proposed.correction or (bool(own) and by_rules.correction),
        )

    async def propose(
        self, message: str, situation: Situation, by_rules: Understanding, consultation: Consultation
    ) -> Understanding | None:
        """What the model says that the message says; None: it was not asked, or gave no answer.

        It is not asked where a sensitive slot was asked for: the message is its value, or an attempt at it.
        """
        if self._withheld(situation.slots.get(situation.requested)):
            return None
        shown = self._shown(situation)
        withheld = [name for name, slot in situation.slots.items() if self._withheld(slot)]
        secrets = [found.raw for name, found in by_rules.slots.items() if name in withheld]
        secrets += [found.raw for found in by_rules.rejected if found.slot in withheld]
        if not self._profile.sensitive:
            secrets += [*situation.secrets, *by_rules.private]
        try:
            answer = await consultation.ask(self._request(without(message, secrets), shown, situation))
            proposal = read_proposal(answer)
        except ModelUnavailable:
            consultation.degraded = True
            return None
        return understanding_of(proposal, message, replace(situation, slots=shown))

    def _shown(self, situation: Situation) -> Mapping[str, SlotDefinition]:
        """The slots that the model may find: none that is sensitive, none that the author has a pattern or code for."""
        return {name: slot for name, slot in situation.slots.items() if not (self._withheld(slot) or slot.extractor)}

    def _withheld(self, definition: SlotDefinition | None) -> bool:
        return definition is not None and definition.sensitive and not self._profile.sensitive

    def _request(self, message: str, slots: Mapping[str, SlotDefinition], situation: Situation) -> ModelRequest:
        instructions = prompt("understand")
        asked = situation.recent[-1].text[-_LONGEST_QUESTION:] if situation.recent else ""
        known = situation.filled if self._profile.sensitive else shown_slots(situation.filled, situation.slots)
        data = {
            "now": situation.now.strftime("%A, %Y-%m-%d %H:%M %Z"),
            "asked": asked,
            "requested_slot": situation.requested or None,
            "yes_or_no": situation.confirming,
            "known": shortened({n: value for n, value in known.items() if n in situation.slots and value != WITHHELD}),
            "message": message,
        }
        described = [
            {"name": slot.name, "kind": KINDS[slot.type][1], "description": slot.description, "choices": slot.choices}
            for slot in slots.values()
        ]
        return ModelRequest(
            purpose=Purpose.UNDERSTAND,
            prompt_version=instructions.version,
            messages=(
                Message(SYSTEM, instructions.write(slots=described, intents=situation.intents)),
                Message("user", json.dumps(data, ensure_ascii=False, default=str)),
            ),
            model=self._profile.name,
            schema=schema_of(tuple(slots.values()), situation.intents),
            max_tokens=_MOST_TOKENS,
        )
