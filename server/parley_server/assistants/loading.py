"""Loading: a definition's file into an assistant, whole or not at all, with every defect reported at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from parley_server.assistants.callables import importing_from
from parley_server.assistants.compiling import Compilation
from parley_server.assistants.parts import Defect
from parley_server.assistants.pruning import Pruned
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.schema_defects import schema_defects
from parley_server.assistants.source import Source, read_source
from parley_server.core.assistant import Assistant
from parley_server.errors import InvalidDefinition


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a definition comes to."""

    defects: Sequence[Defect]
    """What is wrong with its shape, and with every part that can be read all the same; not with its paths."""
    assistant: Assistant | None
    """Of use only if there are no defects; None: its shape is wrong."""


def load_assistant(path: Path) -> Assistant:
    """Reads, checks and compiles a definition.

    Raises:
        InvalidDefinition: It has defects; each is one line with file, line, column and name.
    """
    source = read_source(path)
    # It is raised inside, so that the code of what was loaded before stays.
    with importing_from(path.parent):
        compiled = compile_source(source, path.parent)
        if compiled.defects or compiled.assistant is None:
            raise InvalidDefinition([source.defect(defect.place, defect.message) for defect in compiled.defects])
        return compiled.assistant


def compile_source(source: Source, folder: Path) -> Compiled:
    """Compiles a definition that was read, while `importing_from` lasts.

    Args:
        source: The definition.
        folder: Where its file is, and code beside it.
    """
    try:
        compilation = Compilation(AssistantModel.model_validate(source.root), folder)
    except ValidationError as error:
        return Compiled([*_defects_of_shape(source, error, folder)], None)
    assistant = compilation.run()
    return Compiled(compilation.defects, assistant)


def _defects_of_shape(source: Source, error: ValidationError, folder: Path) -> Iterator[Defect]:
    """What the schema refuses, and what is wrong besides."""
    for place, message in schema_defects(error, AssistantModel):
        yield Defect(place, message)
    pruned = Pruned(source.root, error)
    if pruned.model:
        compilation = Compilation(pruned.model, folder)
        compilation.run()
        yield from pruned.own(compilation.defects)
