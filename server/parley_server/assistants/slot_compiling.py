"""Compiling slots: what a definition says of one, into the slot that a conversation fills."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time

from parley_server.assistants.callables import names_callable
from parley_server.assistants.parts import Parts, Path
from parley_server.assistants.schema import CheckModel, SlotModel
from parley_server.assistants.templates import CHECK_NAMES
from parley_server.core.slots import (
    Choice,
    Extractor,
    GiveUp,
    Rule,
    SlotDefinition,
    SlotRule,
    SlotType,
    SlotValue,
    ValidationScope,
    Validator,
)
from parley_server.core.texts import Text


def compile_slot(parts: Parts, name: str, slot: SlotModel) -> SlotDefinition:
    """Compiles a slot."""
    path: Path = ("slots", name)
    if (slot.type is SlotType.CHOICE) != bool(slot.choices):
        parts.defect((*path, "choices"), "a slot of type choice has choices, and no other has")
    if name in slot.depends_on:
        parts.defect((*path, "depends_on"), "a slot does not depend on itself")
    default = parts.attempt((*path, "default"), lambda: literal(slot.default, slot))
    return SlotDefinition(
        name=name,
        type=slot.type,
        description=slot.description,
        prompt=parts.text((*path, "prompt"), slot.prompt),
        reprompts=parts.texts((*path, "reprompt"), slot.reprompt.no_match),
        invalid_reprompts=parts.texts((*path, "reprompt"), slot.reprompt.invalid),
        max_attempts=slot.max_attempts,
        give_up=_give_up(parts, (*path, "then"), slot),
        required=_required(parts, (*path, "required"), slot.required),
        default=default,
        confirm=_question(parts, (*path, "confirm"), slot.confirm, _is_it(name)),
        ask_first=_question(parts, (*path, "ask_first"), slot.ask_first, _is_it(name)),
        depends_on=parts.slots((*path, "depends_on"), slot.depends_on),
        keep=slot.keep,
        choices=tuple(Choice(name=choice, synonyms=tuple(words)) for choice, words in slot.choices.items()),
        validators=_validators(parts, (*path, "validate"), slot, default),
        extractor=_extractor(parts, (*path, "extract"), slot.extract) if slot.extract else None,
        sensitive=slot.sensitive,
        internal=slot.internal,
    )


def _give_up(parts: Parts, path: Path, slot: SlotModel) -> GiveUp | None:
    if slot.max_attempts and slot.then is None:
        parts.defect(path, "say what happens after `max_attempts`: skip, default, handoff or cancel")
    if slot.then is GiveUp.DEFAULT and slot.default is None:
        parts.defect(path, "there is no default")
    return slot.then


def _required(parts: Parts, path: Path, required: bool | str) -> bool | SlotRule:  # noqa: FBT001  # a key's two forms
    if isinstance(required, bool):
        return required
    return parts.attempt(path, lambda: parts.expressions.rule(required)) or True


def _question(parts: Parts, path: Path, asked: bool | str, usual: str) -> Text:  # noqa: FBT001  # a key's two forms
    return parts.text(path, usual if asked is True else asked or "")


def _is_it(name: str) -> str:
    return f"The {name.replace('_', ' ')} is {{{{ slots.{name} }}}}, is that right?"


_READ: Mapping[SlotType, Callable[[str], SlotValue]] = {
    SlotType.DATE: date.fromisoformat,
    SlotType.TIME: time.fromisoformat,
}
_WRITTEN = {SlotType.DATE: "2026-12-24", SlotType.TIME: "15:00"}


def literal(given: SlotValue | None, slot: SlotModel) -> SlotValue | None:
    """A value that a definition gives a slot, as one of the slot's type; None stays None.

    Raises:
        ValueError: It is none.
    """
    if given is None:
        return None
    read: Callable[[str], SlotValue] | None = _READ.get(slot.type)
    if read and isinstance(given, str):
        try:
            return read(given)
        except ValueError as error:
            raise ValueError(f"this is no {slot.type}: write {_WRITTEN[slot.type]}") from error
    if slot.type is SlotType.FLOAT and type(given) is int:
        return float(given)
    expected = {SlotType.INTEGER: int, SlotType.FLOAT: float, SlotType.BOOLEAN: bool}.get(slot.type, str)
    if type(given) is not expected or (slot.choices and given not in slot.choices):
        raise ValueError(f"not a value of the slot's type, {slot.type}")
    return given


def _validators(parts: Parts, path: Path, slot: SlotModel, default: SlotValue | None) -> tuple[Validator, ...]:
    compiled = [
        _validator(parts, (*path, index), rule, slot.type, default) for index, rule in enumerate(slot.validators)
    ]
    return tuple(validator for validator in compiled if validator)


_ELSEWHERE = re.compile(r"\b(slots|now|today)\b")
"""What a rule looks at besides the value, so that it may take at one time what it refuses at another."""


def _validator(
    parts: Parts, path: Path, rule: CheckModel | str, slot_type: SlotType, default: SlotValue | None
) -> Validator | None:
    if isinstance(rule, str):
        if not names_callable(rule):
            text = f"a rule is written {{check: {rule}, reason: …}}, and a callable `package.module:function`"
            parts.defect(path, text)
            return None
        return parts.code(path, rule, slot_type.value_type, ValidationScope)
    holds = parts.attempt((*path, "check"), lambda: parts.expressions.check(rule.check, slot_type))
    if holds and default is not None and not _ELSEWHERE.search(rule.check):
        scope = ValidationScope(slots={}, now=datetime.now(UTC))
        if not holds(default, scope):
            parts.defect((*path, "check"), "this refuses the slot's default")
    reason = parts.text((*path, "reason"), rule.reason, names=CHECK_NAMES)
    return Rule(holds, reason) if holds else None


def _extractor(parts: Parts, path: Path, source: str) -> Extractor | None:
    if names_callable(source):
        return parts.code(path, source, str)
    return parts.attempt(path, lambda: _pattern(source))


def _pattern(source: str) -> re.Pattern[str]:
    pattern = re.compile(source)
    if "value" not in pattern.groupindex:
        raise ValueError("the pattern has no group `(?P<value>…)`")
    return pattern
