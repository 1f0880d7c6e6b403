"""What the README says of the code is what the code says of itself."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.repository import ROOT
from support.servers import definition

from parley_server.assistants.checking.check import check_definition
from parley_server.cli.commands import parley
from parley_server.settings import settings_table

README = (ROOT / "README.md").read_text()


def dependencies() -> Iterator[str]:
    """The packages that parley needs to run, its extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [
        requirement
        for name, extra in project["optional-dependencies"].items()
        if name != "dev"
        for requirement in extra
    ]
    for requirement in [*project["dependencies"], *extras]:
        found = re.match(r"[\w.-]+", requirement)
        assert found
        yield found[0]


def test_the_table_of_settings_is_made_of_the_settings() -> None:
    _, _, after = README.partition("<!-- settings -->")
    table, end, _ = after.partition("<!-- /settings -->")

    assert end, "the README has no table between <!-- settings --> and <!-- /settings -->"
    assert table.strip() == settings_table()


def test_every_fault_of_the_readme_has_a_command_that_makes_it() -> None:
    tests = {
        name
        for file in (ROOT / "tests" / "faults").glob("test_*.py")
        for name in (file.stem, *re.findall(r"def (test_\w+)", file.read_text()))
    }
    table = README.partition("<!-- faults -->")[2].partition("<!-- /faults -->")[0]
    rows = [row for row in table.strip().splitlines()[2:] if row.startswith("|")]

    assert rows
    for row in rows:
        found = re.findall(r"`ONLY=(\w+)`", row)
        assert found, f"no command: {row}"
        assert all(any(only in test for test in tests) for only in found), row


def test_what_the_readme_imports_from_the_server_is_there() -> None:
    imports = re.findall(r"^from (parley_server\S*) import (\w+)$", README, re.MULTILINE)

    assert imports
    for module, name in imports:
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize("name", list(dependencies()))
def test_every_dependency_has_its_reason_in_the_readme(name: str) -> None:
    assert re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", README)


def yaml_of(section: str) -> str:
    """The first YAML of a section of the README."""
    return README.partition(f"{section}\n")[2].partition("```yaml\n")[2].partition("```")[0]


def test_the_skeleton_of_the_readme_is_a_definition_without_flaws(tmp_path: Path) -> None:
    assert check_definition(definition(tmp_path, yaml_of("## Writing an assistant"))) == []


def test_the_conversations_of_the_readme_go_as_they_say(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "booking.yaml", tmp_path)
    script = tmp_path / "booking.test.yaml"
    script.write_text(yaml_of("### Testing an assistant"))

    held = CliRunner().invoke(parley, ["test", str(script)])

    assert "1 passed, 0 failed" in held.stdout
