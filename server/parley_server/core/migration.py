"""Migration: how a session that an older version of an assistant began goes on under a newer one."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext, Frame


@dataclass(frozen=True, slots=True)
class Blocked:
    """A session can not go on under another version."""

    reason: str


def migrate(context: ConversationContext, assistant: Assistant) -> ConversationContext | Blocked:
    """Takes a session over to this version of its assistant, by the version's rule."""
    rule = assistant.migration
    if rule is None:
        return Blocked("the assistant declares no `migrate` rule")
    if rule.versions and context.assistant_version not in rule.versions:
        return Blocked(f"its `migrate` rule is not for version {context.assistant_version}")
    slots = {rule.slots.get(name, name): value for name, value in context.slots.items()}
    slots = {**{name: value for name, value in rule.defaults.items() if name not in slots}, **slots}
    moved = replace(
        context,
        assistant_version=assistant.version,
        slots={name: value for name, value in slots.items() if name in assistant.slots.definitions},
        stack=tuple(_moved(frame, rule.states) for frame in context.stack),
        requested_slot=rule.slots.get(context.requested_slot, context.requested_slot),
        skipped=tuple(rule.slots.get(name, name) for name in context.skipped),
        unconfirmed=tuple(rule.slots.get(name, name) for name in context.unconfirmed),
        confirmed=tuple(rule.slots.get(name, name) for name in context.confirmed),
        question=None,
    )
    return _misfit(moved, assistant) or moved


def _moved(frame: Frame, states: Mapping[str, str]) -> Frame:
    place = states.get(str(frame))
    return Frame(*place.split("/", 1)) if place else frame


def _misfit(context: ConversationContext, assistant: Assistant) -> Blocked | None:
    for frame in context.stack:
        machine = assistant.machines.get(frame.flow)
        if machine is None or frame.state not in machine.states:
            return Blocked(f"it stands at {frame}, which there is no longer")
    for name, value in context.slots.items():
        if reason := assistant.slots.mistyped(name, value):
            return Blocked(f"its slot {name} does not fit: {reason}")
    return None
