"""The commands and their options: what each says of itself, and what the README says of them."""

import re
from collections.abc import Iterator
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner, Result
from support.repository import ROOT

from parley_server.cli import commands
from parley_server.settings import Settings


def invoke(*arguments: str) -> Result:
    """Runs a command in this process."""
    return CliRunner().invoke(commands.parley, arguments, prog_name="parley")


def test_every_setting_is_an_option_of_its_type_with_its_meaning() -> None:
    options = {option.name: option for option in commands.serve.params if isinstance(option, click.Option)}

    for setting in fields(Settings):
        option = options.pop(setting.name)
        assert option.opts == [f"--{setting.name.replace('_', '-')}"]
        assert option.envvar == f"PARLEY_{setting.name.upper()}"
        assert option.help == setting.metadata["meaning"]
        assert option.multiple is (setting.default == ())
        given = ["1"] if option.multiple else "1"
        value = option.type_cast_value(click.Context(commands.serve), given)
        assert type(value) is type(setting.default)
    assert not options


def every_command(group: click.Command = commands.parley, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """The commands by their names, groups among them."""
    yield name, group
    for inner, command in group.commands.items() if isinstance(group, click.Group) else ():
        yield from every_command(command, f"{name} {inner}".strip())


COMMANDS = dict(every_command())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_what_each_option_means(name: str) -> None:
    shown = invoke(*name.split(), "--help")

    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: parley {name}".rstrip())
    assert invoke(*name.split(), "-h").stdout == shown.stdout
    assert [
        option.name for option in COMMANDS[name].params if isinstance(option, click.Option) and not option.help
    ] == []


def test_the_readme_names_every_command_and_no_option_that_it_has_not() -> None:
    section = (ROOT / "README.md").read_text().partition("## The command line")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| `parley")]
    words = [row.split("`")[1].split()[1:] for row in rows]
    named = {
        " ".join(word for word in said if word.islower() and word.isalpha()): row
        for said, row in zip(words, rows, strict=True)
    }

    assert named.keys() == {name for name, command in COMMANDS.items() if not isinstance(command, click.Group)}
    for name, row in named.items():
        known = {word for option in COMMANDS[name].params for word in option.opts}
        assert set(re.findall(r"--[a-z-]+", row)) <= known


def test_the_store_is_the_same_one_for_all_who_use_it() -> None:
    stores = [option for command in COMMANDS.values() for option in command.params if option.name == "store"]

    assert [(option.default, option.envvar) for option in stores] == [("sqlite:///parley.db", "PARLEY_STORE")] * 2


def test_an_option_of_the_wrong_type_is_refused_by_its_name() -> None:
    refused = invoke("serve", "--waiting-turns", "many")

    assert refused.exit_code == 2
    assert "Invalid value for '--waiting-turns'" in refused.stderr
