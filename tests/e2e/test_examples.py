"""The examples' own scripted conversations, as `parley test` holds them."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.examples import EXAMPLES, SCRIPTS

from parley_server.cli.commands import parley


def test_every_example_has_a_script() -> None:
    assert {script.name.removesuffix(".test.yaml") for script in SCRIPTS} == {example.stem for example in EXAMPLES}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_conversations_go_as_expected_and_try_every_state_and_way(script: Path) -> None:
    result = CliRunner().invoke(parley, ["test", str(script), "--coverage-min", "100"])

    assert result.exit_code == 0, result.output
