"""Reading a definition: YAML 1.2 into plain data, and where each thing stands, so that a defect can be found.

Keys that stand twice are refused, and nothing in a file constructs objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from parley_server.errors import InvalidDefinition

MAX_BYTES = 4 * 1024 * 1024
"""A larger file is no definition."""


@dataclass(frozen=True, slots=True)
class Source:
    """A definition as it was read."""

    name: str
    """The file's name, for messages."""
    root: CommentedMap

    def defect(self, path: Sequence[str | int], message: str) -> str:
        """A line that says what is wrong and where: `booking.yaml:12:5: slots.date.type: …`."""
        line, column = self._position(path)
        where = ".".join(map(str, path))
        return f"{self.name}:{line}:{column}: {where}: {message}" if where else f"{self.name}: {message}"

    def _position(self, path: Sequence[str | int]) -> tuple[int, int]:
        node: object = self.root
        line, column = 0, 0
        for step in path:
            if isinstance(node, CommentedMap) and step in node:
                line, column = node.lc.key(step)
            elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
                line, column = node.lc.item(step)
            else:
                break
            node = node[step]
        return line + 1, column + 1


def read_source(path: Path) -> Source:
    """Reads a definition's file.

    Raises:
        InvalidDefinition: The file can not be read, or is no YAML mapping.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidDefinition([f"{path}: can not be read: {error.strerror}"]) from error
    if len(data) > MAX_BYTES:
        raise InvalidDefinition([f"{path}: larger than {MAX_BYTES} bytes"])
    try:
        root = YAML(typ="rt").load(data)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        raise InvalidDefinition([f"{place}: {error.problem}"]) from error
    if not isinstance(root, CommentedMap):
        raise InvalidDefinition([f"{path.name}: not a mapping: a definition begins with `assistant: NAME`"])
    return Source(path.name, root)
