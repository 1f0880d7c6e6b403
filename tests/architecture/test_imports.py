"""The direction of imports, as `.importlinter` has it."""

from support.repository import run, tool


def test_imports_go_one_way() -> None:
    run(tool("lint-imports"), "--no-cache")
