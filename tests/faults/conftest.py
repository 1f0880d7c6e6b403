"""What the tests of faults share: how far to go, and the store's URL."""

from pathlib import Path

import pytest
from support.faults_scale import Report, Scale


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    """How far to go: `--faults=full` goes all the way."""
    return Scale(full=request.config.getoption("--faults") == "full")


@pytest.fixture
def report(request: pytest.FixtureRequest, scale: Scale) -> Report:
    """Prints a line of what was measured, past pytest's capture, in the full form."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def write(line: str) -> None:
        if scale.full and reporter:
            reporter.write_line(f"{request.node.name}: {line}")

    return write


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that outlives its process, for each that there is."""
    return {"sqlite": f"sqlite:///{tmp_path}/parley.db", "file": f"file://{tmp_path}/sessions"}[request.param]
