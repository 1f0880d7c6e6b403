"""The check of a definition: everything that is found in it, at once."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence

from parley_server.assistants.callables import importing_from
from parley_server.assistants.chart import Chart
from parley_server.assistants.checking.conditions import check_conditions
from parley_server.assistants.checking.findings import Finding, Flaw, finding
from parley_server.assistants.checking.flows import check_flows
from parley_server.assistants.checking.names import check_names
from parley_server.assistants.checking.unfilled import check_values
from parley_server.assistants.loading import compile_source
from parley_server.assistants.parts import Path
from parley_server.assistants.source import Source, read_source
from parley_server.errors import InvalidDefinition

_LEADS = frozenset({"to", "next", "call", "link", "expired", "on"})
"""The keys that lead a conversation somewhere."""


def check_definition(path: pathlib.Path) -> Sequence[Finding]:
    """Everything that is wrong with a definition, in the order of the file.

    What can be read of it is checked; paths are followed only when the schema refuses nothing.
    """
    try:
        source = read_source(path)
    except InvalidDefinition as error:
        return [finding(str(path), defect) for defect in error.defects]
    with importing_from(path.parent):
        flaws = list(_flaws(source, path.parent))
    found = [finding(str(path), source.defect(flaw.place, flaw.message), flaw.severity) for flaw in flaws]
    return sorted(dict.fromkeys(found), key=lambda one: (one.line, one.column))


def _flaws(source: Source, folder: pathlib.Path) -> Iterator[Flaw]:
    compiled = compile_source(source, folder)
    yield from (Flaw(defect.place, defect.message) for defect in compiled.defects)
    if compiled.assistant is None:
        # Where a part is missing, a path may be as well.
        return
    wrong = [defect.place for defect in compiled.defects]
    for flaw in _flaws_of_the_whole(Chart(compiled.assistant), source.root):
        if not _follows(flaw, wrong):
            yield flaw


def _flaws_of_the_whole(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    yield from check_flows(chart)
    yield from check_values(chart, root)
    yield from check_conditions(chart, root)
    yield from check_names(chart, root)


def _follows(flaw: Flaw, wrong: Sequence[Path]) -> bool:
    """Whether a flaw may only be there since something in it, or a way of its flow, could not be compiled."""
    flow = flaw.place[:2] if flaw.place[:1] in (("flows",), ("sub_conversations",)) else None
    return any(
        place[: len(flaw.place)] == flaw.place or (place[:2] == flow and not _LEADS.isdisjoint(place[3:]))
        for place in wrong
    )
