"""Reading a definition: YAML 1.2 into plain data, and where each thing stands, so that a defect can be found.

Keys that stand twice are refused, and nothing in a file constructs objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from parley_server.errors import InvalidDefinition

MAX_BYTES = 4 * 1024 * 1024
"""A larger file is no definition."""

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, slots=True)
class Source:
    """A definition as it was read."""

    name: str
    """The file's name, for messages."""
    root: CommentedMap

    def defect(self, path: Sequence[str | int], message: str) -> str:
        """A line that says what is wrong and where: `booking.yaml:12:5: slots.date.type: …`."""
        node: object = self.root
        line, column = 0, 0
        names = []
        for step in path:
            if _has(node, step):
                # What a merge key `<<` has brought in has no place of its own: its mapping's is the nearest.
                line, column = (node.lc.data or {}).get(step, (line, column))[:2]
                node = node[step]
            elif step is not path[-1]:
                continue  # It is no step in the file but the schema's word for a kind of value.
            names.append(str(step))
        where = f"{self.name}:{line + 1}:{column + 1}: {'.'.join(names)}" if names else self.name
        return f"{where}: {message}"


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
        reader = YAML(typ="rt")
        reader.Resolver = _Resolver
        root = reader.load(data)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        raise InvalidDefinition([f"{place}: {error.problem}"]) from error
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The reader lets through what Python says of a value that its tag does not fit, and of endless nesting.
        raise InvalidDefinition([f"{path.name}: can not be read: {' '.join(str(error).split())}"]) from error
    if not isinstance(root, CommentedMap):
        raise InvalidDefinition([f"{path.name}: not a mapping: a definition begins with `assistant: NAME`"])
    return Source(path.name, root)


class _Resolver(VersionedResolver):
    """Tells what kind of value a word is. YAML 1.2 has no dates: they are texts."""

    def resolve(self, kind: object, value: object, implicit: object) -> Tag:
        found: Tag = super().resolve(kind, value, implicit)
        return self.DEFAULT_SCALAR_TAG if str(found) == _TIMESTAMP else found


def _has(node: object, step: str | int) -> TypeGuard[CommentedMap | CommentedSeq]:
    if isinstance(node, CommentedSeq):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, CommentedMap) and step in node
