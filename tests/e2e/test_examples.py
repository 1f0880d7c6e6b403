"""The examples' own scripted conversations, as `parley test` holds them."""

from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner
from support.examples import EXAMPLES, SCRIPTS
from support.keys import KEYS, keys_in

from parley_server.assistants.rehearsal.playing import play_script
from parley_server.assistants.rehearsal.script import load_script
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.source import read_source
from parley_server.cli.commands import parley
from parley_server.core.context import Topic
from parley_server.core.decision import Decision
from parley_server.core.effects import Steps
from parley_server.core.understanding import Command
from parley_server.nlu.rules import RulesUnderstander
from parley_server.service.acting import carry_through

T = TypeVar("T")


def test_every_example_has_a_script() -> None:
    assert {script.name.removesuffix(".test.yaml") for script in SCRIPTS} == {example.stem for example in EXAMPLES}


def test_every_key_is_used_in_an_example() -> None:
    used = set[tuple[str, str]]()
    for example in EXAMPLES:
        used |= keys_in(AssistantModel.model_validate(read_source(example).root))

    # Which model there is, is its server's affair.
    assert KEYS - used == {("ProfileModel", "name")}


ABILITIES = {
    *(("command", command.value) for command in Command),
    *(("question", topic.value) for topic in (Topic.INTENT, Topic.DIGRESSION)),
    ("question", "email"),  # whether a single slot is right
    *(
        (kind, "")
        for kind in ("branch", "intent", "sub_conversation", "form", "slot", "transition", "next", "fallback")
    ),
    *((kind, "") for kind in ("timer", "handoff")),
    *(("given up", reason) for reason in ("after 2 attempts", "after 3 attempts")),
}
"""What the explanations of some conversation with an example have to tell of."""


async def test_every_ability_is_tried_in_an_example() -> None:
    tried = set[tuple[str, str]]()

    async def take(course: Steps[T]) -> T:
        taken = await carry_through(course, RulesUnderstander())
        for step in taken.explanation if isinstance(taken, Decision) else ():
            if step.taken:
                tried.update({(step.kind, ""), (step.kind, step.name), ("given up", step.reason[15:])})
        return taken

    for script in SCRIPTS:
        await play_script(load_script(script), take)

    assert ABILITIES - tried == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_conversations_go_as_expected_and_try_every_state_and_way(script: Path) -> None:
    result = CliRunner().invoke(parley, ["test", str(script), "--coverage-min", "100"])

    assert result.exit_code == 0, result.output
