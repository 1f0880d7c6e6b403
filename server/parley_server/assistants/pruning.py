"""Pruning: what is left of a definition without what its schema refuses, so that its other defects are told as well."""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from parley_server.assistants.parts import Defect, Path
from parley_server.assistants.schema import AssistantModel
from parley_server.assistants.schema_defects import format_keys
from parley_server.assistants.source import child

_ROUNDS = 8
"""What is refused may leave what has it without a key that it needs, and so on up to the root."""
_GONE = "\0gone"
"""Stands where an item of a list was, so that the others keep their numbers. No file has such a text."""
_STAND_INS: Mapping[str, object] = {"assistant": "unnamed", "flows": {"unread": {"states": {"unread": {}}}}}
"""What a definition can not be without."""
_WORD = re.compile(r"\w+")


class Pruned:
    """A definition without what its schema refuses, and where each thing in it stood."""

    def __init__(self, root: Mapping[str, object], error: ValidationError) -> None:
        """Takes a definition, and what is wrong with it."""
        self._root = root
        self._rest = deepcopy(root)
        self._beside = set[Path]()
        self._names = set[object]()
        self.model = self._pruned(error)
        """What is left; None: too little."""

    def own(self, defects: Sequence[Defect]) -> Iterator[Defect]:
        """Those of the defects of what is left that are not there for what was taken out alone, where they stood."""
        for defect in defects:
            place = self._place(defect.place)
            follows = defect.of_several and not self._beside.isdisjoint({place, place[:-1]})
            if not follows and self._names.isdisjoint(_words(self._root, place)):
                yield Defect(place, defect.message, of_several=defect.of_several)

    def _pruned(self, error: ValidationError) -> AssistantModel | None:
        for _ in range(_ROUNDS):
            # All places are found before the first is emptied, as they stand for what was read.
            places = [self._place(found["loc"]) for found in error.errors()]
            refused = [(place, _existing(self._rest, place)) for place in places]
            for place, existing in refused:
                self._take_out(place, existing)
            try:
                return AssistantModel.model_validate(_without_gaps(self._rest))
            except ValidationError as remaining:
                error = remaining
        return None

    def _take_out(self, place: Path, existing: Path) -> None:
        parent: Any = self._rest
        for step in existing[:-1]:
            held = child(parent, step)
            if held is None or held[0] == _GONE:
                return
            parent = held[0]
        if not existing:
            if place and place[0] in _STAND_INS:
                parent[place[0]] = _STAND_INS[str(place[0])]
        elif (held := child(parent, existing[-1])) and held[0] != _GONE:
            self._beside |= {existing[:-1]} if len(existing) > 1 else set()
            self._names |= _names(held[0], existing)
            if isinstance(parent, list):
                parent[int(existing[-1])] = _GONE
                if len(existing) > 2 and all(item == _GONE for item in parent):
                    # An empty list is as good as none.
                    self._beside.add(existing[:-2])
            else:
                del parent[existing[-1]]

    def _place(self, place: Path) -> Path:
        """Where something stood that stands here in what is left."""
        node: object = self._rest
        steps: list[str | int] = []
        for step in place:
            kept = [index for index, item in enumerate(node) if item != _GONE] if isinstance(node, list) else []
            original = kept[step] if isinstance(step, int) and step < len(kept) else step
            held = child(node, original)
            node = held[0] if held else node
            steps.append(original)
        return tuple(steps)


def _existing(root: object, place: Path) -> Path:
    """The part of a place that is there: without keys that are missing, and the schema's words for kinds of values."""
    node = root
    steps: list[str | int] = []
    for step in place:
        if held := child(node, step):
            node = held[0]
            steps.append(step)
    return tuple(steps)


def _without_gaps(node: object) -> Any:
    if isinstance(node, dict):
        return {key: _without_gaps(value) for key, value in node.items()}
    return [_without_gaps(item) for item in node if item != _GONE] if isinstance(node, list) else node


def _names(node: object, place: Path) -> set[object]:
    """What has its name by something that is taken out, and that something itself."""
    own = {place[-1]} - format_keys(AssistantModel, place[:-1])
    section = _section_names(node) if len(place) == 1 else set()
    return own | section | (_keys(node, set()) - format_keys(AssistantModel))


def _section_names(section: object) -> set[object]:
    """The names right under a section, those that are keys elsewhere too, such as `name`; of a list what may be one."""
    if isinstance(section, dict):
        return set(section)
    items = section if isinstance(section, list) else []
    texts = (text for item in items for text in (item.values() if isinstance(item, dict) else [item]))
    return {text for text in texts if isinstance(text, str)}


def _keys(node: object, seen: set[int]) -> set[object]:
    """All keys in a part; what several aliases name is looked at once."""
    if not isinstance(node, dict | list) or id(node) in seen:
        return set()
    seen.add(id(node))
    own = set[object](node if isinstance(node, dict) else ())
    return own.union(*(_keys(inner, seen) for inner in (node.values() if isinstance(node, dict) else node)))


def _words(root: object, place: Path) -> Iterator[str]:
    """The words of a place's last step, and of everything in it."""
    node = root
    for step in place:
        held = child(node, step)
        node = held[0] if held else node
    waiting = [str(place[-1]) if place else "", node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield from _WORD.findall(node)
        elif isinstance(node, dict):
            waiting += [*node, *node.values()]
        elif isinstance(node, list):
            waiting += node
