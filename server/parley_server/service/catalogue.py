"""The assistants that a server has loaded, by name and version.

A session stays with the version that it began with while that is loaded; else it moves to the newest one by the rule
that this declares. A file that was changed adds a version; the one before stays for the sessions that it began.
"""

from collections.abc import Iterable
from itertools import chain

from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext
from parley_server.core.migration import Blocked, migrate
from parley_server.errors import InvalidSettings, UnknownAssistant, VersionNotLoaded

_VERSIONS_KEPT = 8
"""How many versions of an assistant stay loaded at the most."""


class Catalogue:
    """The loaded assistants. The first one is the default."""

    def __init__(self, assistants: Iterable[Assistant]) -> None:
        """Takes at least one assistant.

        Raises:
            InvalidSettings: There is none, or two have the same name.
        """
        self._versions: dict[str, list[Assistant]] = {}
        for assistant in assistants:
            if assistant.name in self._versions:
                raise InvalidSettings(f"two assistants have the name `{assistant.name}`")
            self._versions[assistant.name] = [assistant]
        if not self._versions:
            raise InvalidSettings("there is no assistant to serve")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the assistants, the default one's first."""
        return tuple(self._versions)

    def add(self, assistant: Assistant) -> None:
        """Makes an assistant the newest version of its name; it takes the place of one that has the same version."""
        versions = self._versions.get(assistant.name, [])
        others = [version for version in versions if version.version != assistant.version]
        self._versions[assistant.name] = [assistant, *others][:_VERSIONS_KEPT]

    def find(self, name: str) -> Assistant:
        """The newest version of the assistant of that name; of the default one for an empty name.

        Raises:
            UnknownAssistant: There is none of that name.
        """
        versions = self._versions.get(name or next(iter(self._versions)))
        if versions is None:
            raise UnknownAssistant(name, f"there is no assistant `{name}`; loaded: {', '.join(sorted(self.names))}")
        return versions[0]

    def loaded(self, name: str = "") -> Iterable[Assistant]:
        """Every version of the assistant of that name; of all of them for an empty name."""
        return chain.from_iterable(self._versions.get(n, ()) for n in ([name] if name else self._versions))

    def resume(self, context: ConversationContext) -> tuple[ConversationContext, Assistant]:
        """A session and the version that it goes on with, moved to that version if it was another one's.

        Raises:
            UnknownAssistant: Its assistant is not loaded.
            VersionNotLoaded: Its version is not loaded, and it can not move to the newest one.
        """
        newest = self.find(context.assistant)
        for assistant in self._versions[context.assistant]:
            if assistant.version == context.assistant_version:
                return context, assistant
        moved = migrate(context, newest)
        if isinstance(moved, Blocked):
            raise VersionNotLoaded(context.session_id, context.assistant, context.assistant_version, moved.reason)
        return moved, newest
