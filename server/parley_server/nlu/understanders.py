"""Who understands the messages of which assistant."""

from functools import lru_cache

from parley_server.core.assistant import Assistant
from parley_server.core.generation import ModelProfile, Nlu
from parley_server.nlu.cascade import CascadeUnderstander
from parley_server.nlu.openai import OpenAIUnderstander
from parley_server.nlu.protocol import Understander
from parley_server.nlu.rules import RulesUnderstander


class Understanders:
    """Chooses who understands, by what the assistant says and what the server has."""

    def __init__(self, preferred: Nlu = Nlu.RULES, *, has_model: bool = False) -> None:
        """Takes who understands where an assistant does not say, and whether there is a model: else the rules do."""
        self._preferred = preferred
        self._has_model = has_model
        self._rules = RulesUnderstander()
        self._of = lru_cache(maxsize=64)(self._make)

    def of(self, assistant: Assistant) -> Understander:
        """Who understands the assistant's messages."""
        if not self._has_model:
            return self._rules
        return self._of(assistant.nlu or self._preferred, assistant.model)

    def _make(self, nlu: Nlu, profile: ModelProfile) -> Understander:
        match nlu:
            case Nlu.RULES:
                return self._rules
            case Nlu.OPENAI:
                return OpenAIUnderstander(self._rules, profile)
            case Nlu.CASCADE:
                return CascadeUnderstander(self._rules, profile)
