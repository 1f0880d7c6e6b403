"""Prompts: the words that models are instructed with. Each is a template in the folder `prompts` beside this module.

Only what authors and parley itself say is put into them; what users say goes into messages of their own.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import islice

from jinja2 import Environment, StrictUndefined, Template

_ENVIRONMENT = Environment(
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701  # what it writes is no page
)

_LONGEST_VALUE = 500
"""Characters."""
_MOST_VALUES = 100


class Prompt:
    """One of the templates."""

    def __init__(self, name: str) -> None:
        """Reads the template of that name."""
        source = files("parley_server.models").joinpath("prompts", f"{name}.jinja").read_text(encoding="utf-8")
        self.version = f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
        """Its name and a hash of its words: what an answer was asked for with."""
        self._template: Template = _ENVIRONMENT.from_string(source)

    def write(self, **names: object) -> str:
        """Writes it out."""
        return self._template.render(names).strip()


@cache
def prompt(name: str) -> Prompt:
    """The prompt of that name; each is read and compiled once, when it is first used."""
    return Prompt(name)


def tokens_of(text: str) -> int:
    """About how many tokens a text takes, rather too many than too few.

    Tokenizers differ and are large; four bytes a token is usual for English, three leave room for other languages.
    """
    return tokens_in(len(text.encode()))


def tokens_in(size: int) -> int:
    """The same for a text of so many bytes."""
    return size // 3 + 4


def shortened(values: Mapping[str, object]) -> dict[str, str]:
    """Values in words, as far as a prompt has room for them: each cut, and the last ones where there are very many."""
    first = max(len(values) - _MOST_VALUES, 0)
    return {name: str(value)[:_LONGEST_VALUE] for name, value in islice(values.items(), first, None)}
