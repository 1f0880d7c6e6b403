"""The examples that the project ships, and their scripted conversations."""

from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "examples"

SCRIPTS = sorted(_FOLDER.glob("*.test.yaml"))
"""Scripted conversations with the examples."""
EXAMPLES = sorted({*_FOLDER.glob("*.yaml")} - {*SCRIPTS})
"""The definitions."""
