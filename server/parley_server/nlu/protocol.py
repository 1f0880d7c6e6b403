"""What understanding is to the rest of the server: one call a turn, text in, `Understanding` out."""

from typing import Protocol

from parley_server.core.understanding import Situation, Understanding
from parley_server.models.consultation import Consultation


class Understander(Protocol):
    """Reads one message in the light of what was asked.

    Implementations: `rules.RulesUnderstander`, `openai.OpenAIUnderstander`, `cascade.CascadeUnderstander`.
    """

    @property
    def recent_turns(self) -> int:
        """How many of the last turns it looks at."""

    async def understand(self, message: str, situation: Situation, consultation: Consultation, /) -> Understanding:
        """Says what the message says: slots, intent, yes or no, command and correction together.

        Args:
            message: What the user said.
            situation: What it is read in the light of.
            consultation: What the turn may ask of a model; `degraded` is set where that was in vain.

        Nothing is raised, whatever a user may write.
        """
