"""The assistants that a server has loaded, by name."""

from collections.abc import Sequence

from parley_server.core.assistant import Assistant
from parley_server.errors import InvalidSettings, UnknownAssistant


class Catalogue:
    """The loaded assistants. The first one is the default."""

    def __init__(self, assistants: Sequence[Assistant]) -> None:
        """Takes at least one assistant.

        Raises:
            InvalidSettings: There is none, or two have the same name.
        """
        self._by_name = {assistant.name: assistant for assistant in assistants}
        if not assistants or len(self._by_name) < len(assistants):
            raise InvalidSettings("give at least one assistant, and each under a name of its own")
        self._default = assistants[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the assistants, the default one's first."""
        return tuple(self._by_name)

    def find(self, name: str) -> Assistant:
        """The assistant of that name; the default one for an empty name.

        Raises:
            UnknownAssistant: There is none of that name.
        """
        if not name:
            return self._default
        if name not in self._by_name:
            loaded = ", ".join(sorted(self._by_name))
            raise UnknownAssistant(name, f"there is no assistant `{name}`; loaded: {loaded}")
        return self._by_name[name]
