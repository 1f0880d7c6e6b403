"""Names that lead nowhere, and messages that lead to two: slots and intents of no use, examples of two intents."""

import re
from collections.abc import Iterator, Mapping

from parley_server.assistants.chart import Chart
from parley_server.assistants.checking.findings import Flaw, Severity, listed
from parley_server.assistants.checking.readings import readings

_WORD = re.compile(r"\w+")


def check_names(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    """Looks for what nothing uses, and for examples that stand under two intents.

    Args:
        chart: The chart of the definition.
        root: The definition as it was read from its file.
    """
    yield from _shared_examples(chart)
    yield from _unused_intents(chart, root)
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


def _unused_intents(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    conditions = {transition.when.name for state in chart.states.values() for transition in state.transitions}
    conditions |= {branch.condition.name for branch in chart.assistant.branches.branches}
    compared = {literal for source in _strings(root) if "intent" in source for literal in _WORD.findall(source)}
    for name, intent in chart.assistant.router.intents.items():
        if intent.handler is None and name not in conditions | compared:
            yield Flaw(("intents", name), "nothing is done about this intent", Severity.WARNING)


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
