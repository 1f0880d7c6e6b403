"""What understanding is to the rest of the server: one call a turn, text in, `Understanding` out."""

from typing import Protocol

from parley_server.core.understanding import Situation, Understanding


class Understander(Protocol):
    """Reads one message in the light of what was asked.

    Implementations: `rules.RulesUnderstander`.
    """

    async def understand(self, message: str, situation: Situation) -> Understanding:
        """Says what the message says: slots, intent, yes or no, command and correction together.

        Nothing is raised, whatever a user may write.
        """
