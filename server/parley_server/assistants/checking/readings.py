"""Readings: which slots the texts and expressions of a definition read, and which of them they ask for first.

A slot that a text or an expression asks for anywhere (`if slots.date`, `slots.date is defined`, `slots.date or …`,
`default`, `has(slots.date)`) may be unset there: its author has thought of that.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, TemplateSyntaxError, nodes

from parley_server.assistants.parts import Path

_CEL_SLOT = re.compile(r"\bslots\.([A-Za-z]\w*)")
_CEL_ASKED = re.compile(r"\bhas\(\s*slots\.([A-Za-z]\w*)\s*\)")
_EXPRESSIONS = frozenset({"when", "required", "set", "inputs", "outputs"})
"""The keys under which a text without markup is an expression."""

_parser = Environment(autoescape=True)  # It only parses; nothing is ever rendered.


@dataclass(frozen=True, slots=True)
class Reading:
    """A text or an expression that reads slots."""

    place: Path
    slots: frozenset[str]
    """The slots that it reads as if they had a value."""
    asked: frozenset[str]
    """The slots for which it asks whether they have one."""
    expression: bool
    """Whether it is an expression: there an unset slot is no failure, the comparison just does not hold."""


def part(root: object, place: Iterable[str | int]) -> object:
    """What stands at a place of a definition; None if nothing does."""
    for step in place:
        if isinstance(root, Mapping):
            root = root.get(step)
        else:
            root = root[step] if isinstance(root, Sequence) and isinstance(step, int) else None
    return root


def readings(node: object, place: Path = ()) -> Iterator[Reading]:
    """Everything in a part of a definition that reads slots.

    Args:
        node: The part, as it was read from the file.
        place: Where it stands.
    """
    if isinstance(node, Mapping):
        for key, inner in node.items():
            yield from readings(inner, (*place, str(key)))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, inner in enumerate(node):
            yield from readings(inner, (*place, index))
    elif isinstance(node, str) and "slots" in node:
        if "{{" in node or "{%" in node:
            slots, asked = _template(node)
        elif not _EXPRESSIONS.isdisjoint(place):
            slots, asked = frozenset(_CEL_SLOT.findall(node)), frozenset(_CEL_ASKED.findall(node))
        else:
            return
        yield Reading(place, slots - asked, asked, "{" not in node)


@lru_cache(maxsize=1024)
def _template(source: str) -> tuple[frozenset[str], frozenset[str]]:
    try:
        tree = _parser.parse(source)
    except TemplateSyntaxError:
        return frozenset(), frozenset()
    asking: list[nodes.Node] = [branch.test for branch in tree.find_all(nodes.If)]
    asking += [choice.test for choice in tree.find_all(nodes.CondExpr)]
    asking += [either.left for either in tree.find_all((nodes.Or, nodes.And))]
    asking += [test.node for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")]
    asking += [used.node for used in tree.find_all(nodes.Filter) if used.name in ("default", "d") and used.node]
    return _slots_in(tree), frozenset[str]().union(*map(_slots_in, asking))


def _slots_in(node: nodes.Node) -> frozenset[str]:
    accesses = [node, *node.find_all((nodes.Getattr, nodes.Getitem))]
    named = [name for access in accesses if (name := _slot_named(access))]
    return frozenset(named)


def _slot_named(node: nodes.Node) -> str:
    if not isinstance(node, nodes.Getattr | nodes.Getitem):
        return ""
    if not isinstance(node.node, nodes.Name) or node.node.name != "slots":
        return ""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return str(node.arg.value) if isinstance(node.arg, nodes.Const) else ""
