"""Reading a definition: YAML into plain data, and where each thing stands, so that a defect can be found.

Words mean what YAML 1.2 says: `no` is a text, and so is a date. A key is always a text. Keys that stand twice are
refused, and nothing in a file constructs objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yaml import MarkedYAMLError, YAMLError

from parley_server.assistants.yaml_events import Node, Place, build
from parley_server.errors import InvalidDefinition

MAX_BYTES = 4 * 1024 * 1024
"""A larger file is no definition."""

_HINTS: Sequence[tuple[str, str]] = (
    ("mapping values are not allowed", "a text with a colon and a space in it stands in quotes"),
    ("cannot start any token", "a text that begins so stands in quotes"),
    ("tab character", "indent by spaces"),
    ("did not find expected key", "is the line indented as its neighbours are, and every quote closed before it?"),
    ("did not find expected ',' or", "is every bracket closed, and every text with a colon in quotes?"),
    ("did not find expected '-'", "is the line indented as its neighbours are?"),
    ("unexpected end of stream", "a quote that opens here is never closed"),
)
"""What is mostly wrong where the parser stumbles."""


@dataclass(frozen=True, slots=True)
class Source:
    """A definition as it was read."""

    name: str
    """The file's name, for messages."""
    root: Mapping[str, Node]
    places: Mapping[int, Mapping[str | int, Place]]
    """Where the keys or items of each mapping and list stand, by its identity."""

    def defect(self, path: Sequence[str | int], message: str) -> str:
        """A line that says what is wrong and where: `booking.yaml:12:5: slots.date.type: …`."""
        node: object = self.root
        line, column = 0, 0
        names = []
        for step in path:
            places = self.places.get(id(node), {})
            held = child(node, step)
            if held is not None:
                # What a merge key `<<` has brought in has no place of its own: its mapping's is the nearest.
                line, column = places.get(step, (line, column))
                node = held[0]
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
        built = build(data)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        problem = error.problem or str(error)
        hint = "".join(f": {hint}" for part, hint in _HINTS if part in problem)
        raise InvalidDefinition([f"{place}: {problem}{hint}"]) from error
    except (YAMLError, ValueError) as error:
        # A number of more digits than Python reads is a ValueError.
        raise InvalidDefinition([f"{path.name}: can not be read: {' '.join(str(error).split())}"]) from error
    if not isinstance(built.root, dict):
        raise InvalidDefinition([f"{path.name}: not a mapping: a definition begins with `assistant: NAME`"])
    return Source(path.name, built.root, built.places)


def child(node: object, step: str | int) -> tuple[object] | None:
    """What stands at a step, alone in a tuple, since it may be None; None: nothing does."""
    if isinstance(node, list):
        return (node[step],) if isinstance(step, int) and step < len(node) else None
    return (node[step],) if isinstance(node, dict) and step in node else None
