"""Intents: what a message is for, and what is done about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from parley_server.core.reactions import Handler
from parley_server.core.understanding import IntentExamples, Understanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An intent: how it is recognised and what it does. Without a handler it only serves conditions."""

    name: str
    label: str = ""
    """What it is called when the user is asked which one was meant; empty: its name as words."""
    examples: tuple[str, ...] = ()
    handler: Handler | None = None

    @property
    def words(self) -> str:
        """What it is called when the user is asked which one was meant."""
        return self.label or self.name.replace("_", " ")


class IntentRouter:
    """Finds the handler of a message's intent, by the intent's whole name."""

    def __init__(self, intents: Iterable[Intent] = (), *, unknown: Handler | None = None) -> None:
        """Takes the intents, and the handler of messages that have none of them."""
        self.intents: Mapping[str, Intent] = {intent.name: intent for intent in intents}
        self.unknown = unknown
        self.examples = tuple(IntentExamples(name=i.name, examples=i.examples) for i in self.intents.values())

    def route(self, understanding: Understanding) -> Handler | None:
        """The handler of the message's surest intent; the one for unknown intents where there is none."""
        intent = self.intents.get(understanding.intent)
        return intent.handler if intent else self.unknown
