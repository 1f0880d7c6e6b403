"""Names that lead nowhere, and messages that lead to two: slots and intents of no use, examples of two intents."""

import re
from collections.abc import Iterator, Mapping

from parley_server.assistants.chart import Chart
from parley_server.assistants.checking.findings import Flaw, Severity, listed
from parley_server.assistants.checking.readings import part, readings
from parley_server.core.conditions import COMMANDS

_WORD = re.compile(r"\w+")


def check_names(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    """Looks for what nothing uses, and for examples that stand under two intents.

    Args:
        chart: The chart of the definition.
        root: The definition as it was read from its file.
    """
    yield from _shared_examples(chart)
    yield from _shared_choices(chart)
    yield from _asked_twice(chart)
    yield from _unused_intents(chart, root)
    yield from _states_of_some_flows(chart, root)
    # Code may read any slot.
    if not chart.has_code:
        for name in chart.assistant.slots.definitions.keys() - _used_slots(chart, root):
            yield Flaw(("slots", name), "nothing collects or reads this slot", Severity.WARNING)


def _shared_examples(chart: Chart) -> Iterator[Flaw]:
    owners: dict[str, str] = {}
    for intent in chart.assistant.router.intents.values():
        for index, example in enumerate(intent.examples):
            owner = owners.setdefault(" ".join(_WORD.findall(example.casefold())), intent.name)
            if owner != intent.name:
                yield Flaw(("intents", intent.name, "examples", index), f"{listed([owner])} has this example too")


def _shared_choices(chart: Chart) -> Iterator[Flaw]:
    for slot in chart.assistant.slots.definitions.values():
        owners: dict[str, str] = {}
        for choice in slot.choices:
            for word in (choice.name, *choice.synonyms):
                owner = owners.setdefault(word.casefold(), choice.name)
                if owner != choice.name:
                    text = f"`{word}` is a word for {listed([owner])} too, so that nobody can tell which is meant"
                    yield Flaw(("slots", slot.name, "choices", choice.name), text)


def _asked_twice(chart: Chart) -> Iterator[Flaw]:
    for frame, state in chart.states.items():
        collected = state.form.slots if state.form else ()
        for index, name in enumerate(collected):
            if name in collected[:index]:
                yield Flaw((*chart.place(frame), "collect", index), f"`{name}` stands twice", Severity.WARNING)


def _unused_intents(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    conditions = {transition.when.name for state in chart.states.values() for transition in state.transitions}
    conditions |= {branch.condition.name for branch in chart.assistant.branches.branches}
    compared = {literal for source in _strings(root) if "intent" in source for literal in _WORD.findall(source)}
    for name, intent in chart.assistant.router.intents.items():
        if intent.handler is None and name not in conditions | compared:
            yield Flaw(("intents", name), "nothing is done about this intent", Severity.WARNING)
        elif not intent.examples and name not in COMMANDS:
            yield Flaw(("intents", name), "it has no examples to recognise it by", Severity.WARNING)


def _states_of_some_flows(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    """Intents and branches that go to a state of the flow that runs, which not every flow has."""
    flows = chart.assistant.flows
    for section in ("intents", "branches"):
        reactions = root.get(section)
        for step in reactions if isinstance(reactions, Mapping) else range(len(chart.assistant.branches.branches)):
            state = part(reactions, (step, "to"))
            lacking = [name for name, flow in flows.items() if state not in flow.states]
            if state and len(lacking) < len(flows) and lacking:
                text = f"there is no such state where {listed(lacking)} runs, so that the turn fails there"
                yield Flaw((section, step, "to"), text, Severity.WARNING)


def _used_slots(chart: Chart, root: Mapping[str, object]) -> set[str]:
    used = {name for reading in readings(root) for name in reading.slots | reading.asked}
    used |= {name for slot in chart.assistant.slots.definitions.values() for name in slot.depends_on}
    for state in chart.states.values():
        used |= {*state.assign, *(state.form.slots if state.form else ())}
        used |= {*state.call.inputs, *state.call.outputs} if state.call else set()
    return used


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for inner in node.values():
            yield from _strings(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _strings(inner)
