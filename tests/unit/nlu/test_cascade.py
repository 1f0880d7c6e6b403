"""The cascade: the model is asked about what the rules leave open, and only completes what they found."""

from typing import Any

import pytest
from support.model_answers import Says
from support.model_faults import Status
from support.understanding import by_rules, proposal, read, situation

from parley_server.core.generation import Nlu
from parley_server.core.understanding import Answer, Command

CASCADE = {"nlu": Nlu.CASCADE}


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("4", {"requested": "party"}),
        ("tomorrow", {"requested": "day"}),
        ("yes", {"confirming": True}),
        ("no, thanks", {"confirming": True}),
        ("cancel", {"requested": "party"}),
        ("when are you open", {}),
        ("when are you open", {"requested": "party"}),
        ("the 30th of February", {"requested": "day"}),
        ("small", {}),
    ],
)
async def test_the_model_is_not_asked_where_the_rules_leave_nothing_open(message: str, fields: dict[str, Any]) -> None:
    light = situation(**fields)

    done = await read(message, light, proposal(slots={"wish": "something"}), **CASCADE)

    assert (done.server.calls, done.degraded) == (0, False)
    assert done.understanding == by_rules(message, light)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("just me and the missus", {"requested": "party"}),
        ("hm, whatever floats your boat", {"confirming": True}),
        ("I could do with something to eat", {}),
    ],
)
async def test_the_model_is_asked_about_what_the_rules_leave_open(message: str, fields: dict[str, Any]) -> None:
    done = await read(message, situation(**fields), proposal(slots={"party": 2}, answer="yes"), **CASCADE)

    assert done.server.calls == 1
    assert done.values["party"] == 2
    assert done.understanding.answer is Answer.YES


async def test_what_the_rules_found_stands() -> None:
    light = situation(requested="party")
    said = proposal(slots={"day": "2026-12-24", "party": 2, "size": "large"}, command="cancel", mentioned=["day"])

    done = await read("me and the missus would like to come by tomorrow if that suits", light, said, **CASCADE)

    assert done.values == {
        **{n: c.value for n, c in by_rules("tomorrow", light).slots.items()},
        "party": 2,
        "size": "large",
    }
    assert done.understanding.command is Command.CANCEL
    assert done.understanding.mentioned == frozenset()


@pytest.mark.parametrize("behaviour", [Status(500), Says("[]")])
async def test_the_rules_stand_where_the_model_gives_no_answer(behaviour: Any) -> None:
    light = situation(requested="party")

    done = await read("just me and the missus", light, behaviour, **CASCADE)

    assert done.degraded
    assert done.understanding == by_rules("just me and the missus", light)
