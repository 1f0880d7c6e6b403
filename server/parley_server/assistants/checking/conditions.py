"""Conditions that get in each other's way: branches of one priority, and the ways out of one state.

Two conditions are known to exclude each other if they are two intents, two commands, a command and `input`, or two of
`confirm`, `deny` and `change`; or if both are expressions, joined by `&&` alone, of which one has a part that
contradicts a part of the other: `a` and `!a`, `a == 1` and `a == 2`, `a == 1` and `a != 1`. Nothing else is compared.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import combinations

from parley_server.assistants.chart import Chart
from parley_server.assistants.checking.findings import Flaw, Severity
from parley_server.assistants.checking.readings import part
from parley_server.core.branching import ConversationBranch
from parley_server.core.conditions import ALWAYS, BUILT_IN, CHANGE, COMMANDS, CONFIRM, DENY, INPUT

_EXCLUSIVE: Sequence[AbstractSet[str]] = (
    {INPUT.name, *(condition.name for condition in COMMANDS.values())},
    {CONFIRM.name, DENY.name, CHANGE.name},
)
"""Groups of built-in conditions of which no two ever hold together."""
_STRING = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_COMPARISON = re.compile(r"([^=!<>]+)(==|!=)(-?[\d.]+|true|false|'[^'\\]*'|\"[^\"\\]*\")")


def check_conditions(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    """Compares the branches of each priority, and the transitions of each state.

    Args:
        chart: The chart of the definition.
        root: The definition as it was read from its file.
    """
    yield from _ways_never_taken(chart, root)
    branches = root.get("branches")
    order = [branch.get("name") for branch in branches] if isinstance(branches, Sequence) else []
    for first, second in combinations(chart.assistant.branches.branches, 2):
        if first.priority == second.priority and second.name in order:
            yield from _compare(first, second, order.index(second.name), chart.assistant.router.intents.keys())


def _ways_never_taken(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    for frame, state in chart.states.items():
        for key, count in (("on", len(state.transitions)), ("next", len(state.forks))):
            earlier: set[str] = set()
            for index in range(count):
                place = (*chart.place(frame), key, index)
                # A condition that could not be compiled has its name in the file alone.
                name = _plain(str(part(root, (*place, "when"))))
                if name in earlier or ALWAYS.name in earlier:
                    reason = "the same condition" if name in earlier else f"`{ALWAYS.name}`"
                    yield Flaw(place, f"never taken: {reason} stands before it")
                earlier.add(name)


def _compare(
    first: ConversationBranch, second: ConversationBranch, index: int, intents: AbstractSet[str]
) -> Iterator[Flaw]:
    one, other = _plain(first.condition.name), _plain(second.condition.name)
    if one == other:
        text = f"never taken: branch `{first.name}` has the same condition and priority, and stands before it"
        yield Flaw(("branches", index, "when"), text)
    elif not _exclude(one, other, intents):
        text = f"may hold together with branch `{first.name}`, which has the same priority and is tried before it"
        yield Flaw(("branches", index, "when"), text, Severity.WARNING)


def _exclude(one: str, other: str, intents: AbstractSet[str]) -> bool:
    """Whether two different conditions are known never to hold together."""
    pair = {one, other}
    if pair <= intents or any(pair <= group for group in _EXCLUSIVE):
        return True
    if not pair.isdisjoint(intents | BUILT_IN.keys()):
        return False
    return any(_contradict(part, opposite) for part in _parts(one) for opposite in _parts(other))


def _contradict(one: str, other: str) -> bool:
    if one in (f"!{other}", f"!({other})") or other in (f"!{one}", f"!({one})"):
        return True
    compared = _COMPARISON.fullmatch(one), _COMPARISON.fullmatch(other)
    if not compared[0] or not compared[1] or compared[0][1] != compared[1][1]:
        return False
    same = compared[0][3].strip("'\"") == compared[1][3].strip("'\"")
    signs = {compared[0][2], compared[1][2]}
    return same if len(signs) == 2 else signs == {"=="} and not same


def _parts(expression: str) -> Sequence[str]:
    """What `&&` joins; the whole where it is not all that joins."""
    masked = _STRING.sub(lambda string: "'" * len(string[0]), expression)
    if "||" in masked or "?" in masked:
        return [expression]
    parts, begin, depth = [], 0, 0
    for index, character in enumerate(masked):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and masked.startswith("&&", index):
            parts.append(expression[begin:index])
            begin = index + 2
    return [*parts, expression[begin:]]


def _plain(expression: str) -> str:
    """The expression without the white space outside of its strings."""
    return "".join(re.findall(r"'[^'\\]*'|\"[^\"\\]*\"|\S", expression))
