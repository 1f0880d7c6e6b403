"""The size of what a reader must take in at once: files and functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

from support.repository import ROOT

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
GENERATED = ROOT / "client" / "parley" / "v1"


def sources() -> Iterator[tuple[Path, str]]:
    """Every file that somebody wrote, and its text."""
    for folder in ("client", "server", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            if not path.is_relative_to(GENERATED):
                yield path.relative_to(ROOT), path.read_text()


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Every function of a file, and how many lines it has without its documentation."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False)
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield node.name, lines - (documented.count("\n") + 1 if documented else 0)


def test_no_file_is_too_long() -> None:
    lengths = {str(path): len(source.splitlines()) for path, source in sources()}

    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_function_is_too_long() -> None:
    lengths = {f"{path}: {name}": lines for path, source in sources() for name, lines in functions(source)}

    assert {function: lines for function, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}
