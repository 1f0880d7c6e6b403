"""The examples that the project ships, and their scripted conversations."""

import shutil
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "examples"

SCRIPTS = sorted(_FOLDER.glob("*.test.yaml"))
"""Scripted conversations with the examples."""
EXAMPLES = sorted({*_FOLDER.glob("*.yaml")} - {*SCRIPTS})
"""The definitions."""


def copy_code(folder: Path) -> None:
    """Puts the examples' code into a folder, where a changed definition finds it."""
    for module in _FOLDER.glob("*.py"):
        shutil.copy(module, folder)
