"""The scripts that Redis runs: each is one atomic step. Their text is in the `.lua` files beside this module.

Redis runs nothing else while it runs a script, and all keys of a session lie in one slot, so a script is one place in
the order of everything that happens to its session. This module must not know who runs them.
"""

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and what may be done with it."""

    text: str = field(repr=False)
    changes: bool = False
    """Whether it may change what is stored of a session, so that an answer that was lost leaves that open."""
    repeatable: bool = True
    """Whether running it twice is the same as running it once."""
    digest: str = field(init=False)
    """What Redis knows it by."""

    def __post_init__(self) -> None:
        """Derives the digest as Redis does."""
        object.__setattr__(self, "digest", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


class Scripts:
    """All of them."""

    def __init__(self) -> None:
        self.acquire = Script(_text("loading", "acquire"))
        self.commit = Script(_text("leasing", "commit"), changes=True)
        self.delete = Script(_text("leasing", "delete"), changes=True, repeatable=False)
        self.release = Script(_text("leasing", "release"))
        self.renew = Script(_text("renew"))
        self.load = Script(_text("loading", "load"))
        self.page = Script(_text("page"))
        self.affirm = Script(_text("affirm"), changes=True)
        self.standing = Script(_text("standing"))
        self.secret = Script(_text("secret"))


def _text(*names: str) -> str:
    folder = files("parley_server.stores.redis")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names)
