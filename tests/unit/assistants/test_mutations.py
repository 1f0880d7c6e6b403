"""Slips of the pen in the examples: each of a kind, at every place where it can be made, is found by the check."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support.examples import EXAMPLES, copy_code, places

from parley_server.assistants.checking.check import check_definition
from parley_server.assistants.checking.findings import Severity

Mutants: TypeAlias = Iterator[tuple[str, Any]]
"""What was changed, and the definition with the change."""
TARGETS = ("to", "next", "call", "link", "start", "expired")
"""The keys that lead a conversation somewhere."""
NEEDED = ("to", "next", "expired")
"""Those without which a definition is another one by mistake; without the rest it only does less."""


def read(example: Path) -> Any:
    return YAML().load(example)


def machines(definition: Any) -> dict[str, Any]:
    return {**definition["flows"], **definition.get("sub_conversations", {})}


def targets(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every place that names where a conversation goes, and the name."""
    for step, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if step in TARGETS and (isinstance(inner, str) or step == "next"):
            yield (*path, step), str(inner)
        yield from targets(inner, (*path, step))


def states_renamed(example: Path) -> Mutants:
    definition = read(example)
    places = [target for _, target in targets(definition)]
    for name, machine in machines(definition).items():
        siblings = [target for path, target in targets(machine) if path[-1] in NEEDED]
        for state in machine["states"]:
            # On the name of a state that nothing goes to, nothing depends.
            if state not in siblings and f"{name}/{state}" not in places:
                continue
            mutant = read(example)
            states = machines(mutant)[name]["states"]
            states.insert(list(states).index(state), f"{state}2", states.pop(state))
            yield f"{name}/{state}", mutant


def slots_removed(example: Path) -> Mutants:
    for slot in read(example)["slots"]:
        mutant = read(example)
        del mutant["slots"][slot]
        yield slot, mutant


def targets_dropped(example: Path) -> Mutants:
    for path, target in targets(read(example)):
        mutant = node = read(example)
        for step in path[:-1]:
            node = node[step]
        # A state that says something and waits for nothing may well be the end, and an intent need lead nowhere.
        if (
            path[0] in ("intents", "branches")
            or path[-1] not in NEEDED
            or (path[-1] == "next" and "say" in node and "collect" not in node)
        ):
            continue
        del node[path[-1]]
        yield f"{'.'.join(map(str, path))} → {target}", mutant


def messages(definition: Path) -> set[tuple[str, str]]:
    return {(found.where, found.message) for found in check_definition(definition)}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_no_errors(example: Path) -> None:
    assert [found for found in check_definition(example) if found.severity is Severity.ERROR] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("mutants_of", [states_renamed, slots_removed, targets_dropped])
def test_no_slip_of_the_pen_goes_unfound(tmp_path: Path, example: Path, mutants_of: Callable[[Path], Mutants]) -> None:
    copy_code(tmp_path)
    mutants = dict(mutants_of(example))
    mutant = tmp_path / example.name
    known = messages(example)

    unfound = []
    for change, definition in mutants.items():
        YAML().dump(definition, mutant)
        if messages(mutant) <= known:
            unfound.append(change)

    assert mutants
    assert unfound == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), example=st.sampled_from(EXAMPLES))
def test_whatever_stands_in_a_definition_its_check_ends_and_points_into_it(
    tmp_path: Path, data: st.DataObject, example: Path
) -> None:
    mutant = node = read(example)
    path = data.draw(st.sampled_from(list(places(mutant))))
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = data.draw(
        st.sampled_from([None, "", 0, True, [], {}, ["x"], {"x": "y"}, "{{ slots.", "slots.x == 1"])
    )
    copy_code(tmp_path)
    file = tmp_path / example.name
    YAML().dump(mutant, file)

    lines = len(file.read_text().splitlines())

    assert all(0 <= found.line <= lines and found.message for found in check_definition(file))
