"""Definitions for tests: texts that are loaded from a real file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.conversations import Talk
from support.orders import HI
from support.servers import definition

from parley_server.assistants.loading import load_assistant
from parley_server.core.assistant import Assistant
from parley_server.errors import InvalidDefinition

BARE = "assistant: test\nflows: {main: {states: {start: {say: Hi.}}}}\n"
"""The least that is a definition: two lines, so that what is added begins at the third."""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Assistant]:
    """Loads the least definition with these lines added."""
    return lambda more: load_assistant(definition(tmp_path, BARE + more))


@pytest.fixture
def defects(tmp_path: Path) -> Callable[[str | bytes], list[str]]:
    """The defects of a whole text, without the file's name."""

    def find(text: str | bytes) -> list[str]:
        path = tmp_path / "assistant.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InvalidDefinition) as caught:
            load_assistant(path)
        assert all(defect.startswith(path.name) for defect in caught.value.defects)
        return [defect.removeprefix(path.name).removeprefix(":").strip() for defect in caught.value.defects]

    return find


@pytest.fixture
def begin(tmp_path: Path) -> Callable[[str], Talk]:
    """Begins a conversation with an assistant, which has heard a greeting already."""

    def begun(text: str) -> Talk:
        talk = Talk(load_assistant(definition(tmp_path, "assistant: test\n" + text)))
        talk.say(HI)
        return talk

    return begun
