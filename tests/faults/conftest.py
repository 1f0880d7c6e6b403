"""What the tests of faults share: how far to go, and the store's URL."""

from pathlib import Path

import pytest
from support.faults_scale import ON_DISK, Report, Scale

_MEASURED = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--faults") == "full":
        here = Path(__file__).parent
        for item in items:
            if item.path.is_relative_to(here):
                item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    """How far to go: `--faults=full` goes all the way."""
    return Scale(full=request.config.getoption("--faults") == "full")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Keeps a line of what was measured; the full form prints them all at the end."""

    def write(line: str) -> None:
        request.config.stash.setdefault(_MEASURED, []).append(f"{request.node.name}: {line}")

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--faults") == "full":
        terminalreporter.section("measured")
        for line in config.stash.get(_MEASURED, []):
            terminalreporter.write_line(line)


@pytest.fixture(params=sorted(ON_DISK))
def on_disk(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store on a disk, of each kind."""
    return ON_DISK[request.param].format(folder=tmp_path)
