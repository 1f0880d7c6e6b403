"""Users who say anything in any order, to every example: never an exception, an endless loop, a place there is not."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.conversations import NOW, context

from parley_server.assistants.loading import load_assistant
from parley_server.core.assistant import Assistant
from parley_server.core.snapshot import dump_context, load_context
from parley_server.core.turn import decide
from parley_server.nlu.rules import RulesUnderstander
from parley_server.service.acting import carry_through

EXAMPLES = sorted(path for path in Path(__file__).parents[2].glob("examples/*.yaml") if ".test." not in path.name)
TURNS = 200

SAYINGS = [
    "yes", "no", "cancel", "help", "restart", "repeat", "skip", "who are you?", "thanks", "hi", "stop it",
    "no, make it Monday", "change the date", "the time", "actually for six", "tomorrow at 5", "yesterday", "3pm",
    "2", "-1", "1e99", "99999999999999999999", "next Friday", "30 February", "half past three", "a@b.c",
    "ada@example.org", "ada@@example", "+49 30 1234567", "555-0100", "Ada Lovelace", "the first one", "whatever",
    "I don't care", "DE89 3704 0044 0532 0130 00", "a human please", "what are your opening hours?", "{{ slots }}",
    "%s%n", "\u202e\u0000", "no no no", "yes but no", "Ω≈ç√∫", "x" * 3000,
]  # fmt: skip
messages = st.one_of(st.sampled_from(SAYINGS), st.text(min_size=1, max_size=60))
turns = st.tuples(messages, st.sampled_from([0, 0, 0, 1, 60, 10_000]), st.booleans())


@cache
def assistant(path: Path) -> Assistant:
    return load_assistant(path)


async def converse(leader: Assistant, said: Sequence[tuple[str, int, bool]]) -> None:
    now, understander = NOW, RulesUnderstander()
    session = context(assistant=leader.name, assistant_version=leader.version)
    for message, minutes, handed_back in said:
        now += timedelta(minutes=minutes)
        course = decide(leader, session, message=message, now=now, handed_back=handed_back)
        decision = await carry_through(course, understander)

        for frame in decision.context.stack:
            assert frame.state in leader.machines[frame.flow].states
        for name, value in decision.context.slots.items():
            assert leader.slots.mistyped(name, value) is None
        assert decision.reply or decision.context.handoff
        session = replace(decision.context, updated_at=now, turn_count=session.turn_count + 1)
        assert load_context(dump_context(session), session_id=session.session_id) == session


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(said=st.lists(turns, min_size=TURNS, max_size=TURNS))
def test_any_user_is_answered(path: Path, said: list[tuple[str, int, bool]]) -> None:
    asyncio.run(converse(assistant(path), said))
