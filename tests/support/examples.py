"""The examples that the project ships, and their scripted conversations."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[2] / "examples"

SCRIPTS = sorted(_FOLDER.glob("*.test.yaml"))
"""Scripted conversations with the examples."""
EXAMPLES = sorted({*_FOLDER.glob("*.yaml")} - {*SCRIPTS})
"""The definitions."""


def copy_code(folder: Path) -> None:
    """Puts the examples' code into a folder, where a changed definition finds it."""
    for module in _FOLDER.glob("*.py"):
        shutil.copy(module, folder)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a definition but its root."""
    for step, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, step)
        yield from places(inner, (*path, step))
