"""Loading: a definition's file into an assistant, whole or not at all, with every defect reported at once."""

from pathlib import Path

from pydantic import ValidationError

from parley_server.assistants.callables import importing_from
from parley_server.assistants.compiling import Compilation
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.schema_defects import schema_defects
from parley_server.assistants.source import read_source
from parley_server.core.assistant import Assistant
from parley_server.errors import InvalidDefinition


def load_assistant(path: Path) -> Assistant:
    """Reads, checks and compiles a definition.

    Raises:
        InvalidDefinition: It has defects; each is one line with file, line, column and name.
    """
    source = read_source(path)
    try:
        model = AssistantModel.model_validate(source.root)
    except ValidationError as error:
        defects = schema_defects(error, AssistantModel)
        raise InvalidDefinition([source.defect(place, message) for place, message in defects]) from error
    with importing_from(path.parent):
        compilation = Compilation(model, path.parent)
        assistant = compilation.run()
        if compilation.defects:
            raise InvalidDefinition([source.defect(place, message) for place, message in compilation.defects])
        return assistant
