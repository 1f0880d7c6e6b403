"""The repository that holds the tests: where things stand, and the tools that look at it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tool(name: str) -> str:
    """The command of a tool that is installed beside Python; a test that lacks it is skipped, and in CI fails."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else missing(f"{name} is not installed")


def missing(reason: str) -> str:
    """Skips the test; in CI, where nothing may be missing, fails it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str | Path) -> None:
    """Runs a command in the repository; the test fails with all that it says if it does."""
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
