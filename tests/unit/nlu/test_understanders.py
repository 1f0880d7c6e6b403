"""Who understands: what the assistant says comes before what the server prefers, and a model is needed for a model."""

from dataclasses import replace

import pytest

from parley_server.assistants.loading import load_assistant
from parley_server.core.generation import ModelProfile, Nlu
from parley_server.nlu.cascade import CascadeUnderstander
from parley_server.nlu.openai import OpenAIUnderstander
from parley_server.nlu.rules import RulesUnderstander
from parley_server.nlu.understanders import Understanders
from parley_server.settings import booking_example

KINDS = {Nlu.RULES: RulesUnderstander, Nlu.OPENAI: OpenAIUnderstander, Nlu.CASCADE: CascadeUnderstander}
BOOKING = load_assistant(booking_example())


@pytest.mark.parametrize("preferred", Nlu)
@pytest.mark.parametrize("own", [None, *Nlu])
def test_the_assistants_own_choice_comes_first(preferred: Nlu, own: Nlu | None) -> None:
    chosen = Understanders(preferred, has_model=True).of(replace(BOOKING, nlu=own))

    assert type(chosen) is KINDS[own or preferred]


@pytest.mark.parametrize("own", Nlu)
def test_without_a_model_the_rules_understand(own: Nlu) -> None:
    assert type(Understanders(Nlu.OPENAI).of(replace(BOOKING, nlu=own))) is RulesUnderstander


def test_each_way_to_use_the_model_has_its_own_understander_and_keeps_it() -> None:
    understanders = Understanders(Nlu.OPENAI, has_model=True)
    other = replace(BOOKING, model=ModelProfile(name="other"))

    assert understanders.of(BOOKING) is understanders.of(BOOKING)
    assert understanders.of(BOOKING) is not understanders.of(other)
