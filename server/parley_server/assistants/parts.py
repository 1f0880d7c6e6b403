"""The parts that a definition is made of: names, texts, expressions, code; each compiled, or a defect at its place."""

import pathlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from parley_server.assistants.callables import find_callable
from parley_server.assistants.expressions import Expressions
from parley_server.assistants.schema import AssistantModel, GenerateModel
from parley_server.assistants.schema_defects import closest
from parley_server.assistants.templates import NAMES, compile_template
from parley_server.core.conditions import ALWAYS, BUILT_IN, Condition, Scope, intent_is
from parley_server.core.flow import Assignments
from parley_server.core.generation import Generation
from parley_server.core.reactions import Action
from parley_server.core.texts import Text

Path = tuple[str | int, ...]
"""Where something stands in a definition: keys and indices from the root."""

_T = TypeVar("_T")


class Defect(NamedTuple):
    """What is wrong with a part of a definition, and where."""

    place: Path
    message: str
    of_several: bool = False
    """Whether the part is right by itself, and does not go with what stands beside it."""


_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("yes", "true", "affirm", "ok"), "confirm"),
    **dict.fromkeys(("no", "false", "reject"), "deny"),
    **dict.fromkeys(("else", "default", "otherwise", "any"), "always"),
    **dict.fromkeys(("message", "text"), "input"),
    **dict.fromkeys(("correct", "correction", "changed", "update"), "change"),
    **dict.fromkeys(("stop", "quit", "exit", "abort"), "cancel"),
}
"""What other tools call our conditions."""


class Parts:
    """Compiles the parts of one definition. `defects` holds what was found wrong, each with its place."""

    def __init__(self, model: AssistantModel, folder: pathlib.Path | None) -> None:
        """Takes a definition whose keys and types are right, and the folder that its file is in."""
        self.model = model
        self._folder = folder
        self.expressions = Expressions({name: slot.type for name, slot in model.slots.items()})
        self.defects: list[Defect] = []
        self.has_code = False
        """Whether any code of the author was named."""
        self.has_texts = False
        """Whether the model is to write any text."""

    def defect(self, path: Path, message: str) -> None:
        """Writes down that what stands at a place does not go with what stands beside it."""
        self.defects.append(Defect(path, message, of_several=True))

    def attempt(self, path: Path, compile_it: Callable[[], _T]) -> _T | None:
        """Compiles a part; a failure is a defect at its place."""
        try:
            return compile_it()
        except (ValueError, re.error) as error:
            self._wrong(path, str(error))
            return None

    def known(self, path: Path, name: str, names: Collection[str], kind: str) -> str:
        """The name, if there is such a thing; an empty name is fine."""
        if not name or name in names:
            return name
        self._wrong(path, f"there is no {kind} `{name}`{closest(name, names)}")
        return ""

    def slots(self, path: Path, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the names that are slots."""
        return tuple(filter(None, (self.known((*path, i), n, self.model.slots, "slot") for i, n in enumerate(names))))

    def place(self, path: Path, place: str) -> str:
        """A flow, `flow` or `flow/state`."""
        flow, _, state = place.partition("/")
        if self.known(path, flow, self.model.flows, "flow"):
            self.known(path, state, self.model.flows[flow].states, "state")
        return place

    def callee(self, path: Path, name: str) -> str:
        """What can be called."""
        names = self.model.flows.keys() | self.model.sub_conversations.keys()
        return self.known(path, name, names, "flow or sub-conversation")

    def text(self, path: Path, source: str, *, names: Collection[str] = NAMES) -> Text:
        """What an assistant says, by a template that sees these names."""
        return self.attempt(path, lambda: compile_template(source, self.model.slots, names)) or ""

    def texts(self, path: Path, sources: Sequence[str]) -> tuple[Text, ...]:
        """Several texts."""
        return tuple(self.text((*path, index), source) for index, source in enumerate(sources))

    def action(self, path: Path, name: str) -> Action | None:
        """An author's action."""
        self.has_code = self.has_code or bool(name)
        return self.code(path, name, Scope) if name else None

    def code(self, path: Path, name: str, *takes: type) -> Callable[..., Any] | None:
        """An author's code, which is called with arguments of these types."""
        return self.attempt(path, lambda: find_callable(name, takes, self._folder))

    def generation(self, path: Path, model: GenerateModel | None) -> Generation | None:
        """A text that the model writes."""
        if model is None:
            return None
        self.has_texts = True
        otherwise = self.text((*path, "otherwise"), model.otherwise)
        return Generation(instructions=model.instructions, otherwise=otherwise, max_tokens=model.max_tokens)

    def condition(self, path: Path, source: str) -> Condition:
        """A built-in condition, an intent or an expression."""
        built_in = BUILT_IN.get(source)
        if source in self.model.intents:
            # An intent that replaces a command is meant by the command as well.
            return intent_is(source).or_else(built_in) if built_in else intent_is(source)
        if built_in:
            return built_in
        if re.fullmatch(r"[A-Za-z]\w*", source) and source not in {*NAMES, "true", "false"}:
            self._wrong(path, f"no condition and no intent is called `{source}`{self._meant(source)}")
            return ALWAYS
        test = self.attempt(path, lambda: self.expressions.condition(source))
        return Condition(source, test) if test else ALWAYS

    def _wrong(self, path: Path, message: str) -> None:
        self.defects.append(Defect(path, message))

    def _meant(self, condition: str) -> str:
        names = [*BUILT_IN, *self.model.intents]
        if meant := _MEANT.get(condition.lower()):
            return f": did you mean `{meant}`?"
        return closest(condition, names) or f": there are {', '.join(names)}"

    def assignments(self, path: Path, sources: Mapping[str, str]) -> Assignments:
        """Values that slots take."""
        return {
            # The slot is given a value all the same, so that nobody is told that it has none.
            name: self.attempt((*path, name), partial(self.expressions.value, source, name)) or _no_value
            for name, source in sources.items()
            if self.known((*path, name), name, self.model.slots, "slot")
        }


def _no_value(_scope: Scope) -> None:
    """Stands for an expression that can not be compiled; it is never called."""
