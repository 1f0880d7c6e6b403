"""Filling slots: which of the values that a message offers are taken, which are refused, what is asked next.

This module must not read words: understanding has done that, and hands over typed candidates.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from parley_server.core.conditions import Scope
from parley_server.core.context import ConversationContext
from parley_server.core.slots import (
    Candidate,
    Rejection,
    SlotDefinition,
    SlotsChange,
    SlotType,
    SlotValue,
    ValidationScope,
)
from parley_server.core.texts import render
from parley_server.core.understanding import Answer, Understanding
from parley_server.errors import AssistantFailed

_PYTHON_TYPE: Mapping[SlotType, type] = {
    SlotType.INTEGER: int,
    SlotType.FLOAT: float,
    SlotType.BOOLEAN: bool,
    SlotType.DATE: date,
    SlotType.TIME: time,
}


class SlotFiller:
    """Fills the slots of an assistant. Holds definitions alone: the values live in the context."""

    def __init__(self, definitions: Iterable[SlotDefinition]) -> None:
        """Takes the definitions of all slots."""
        self.definitions: Mapping[str, SlotDefinition] = {slot.name: slot for slot in definitions}

    def extract(self, context: ConversationContext, understanding: Understanding) -> Mapping[str, Candidate]:
        """The candidates of a message that say something new of a slot that exists."""
        return {
            name: candidate
            for name, candidate in understanding.slots.items()
            if name in self.definitions and context.get_slot(name) != candidate.value
        }

    def validate(self, name: str, value: SlotValue, scope: ValidationScope) -> str | None:
        """Says why a slot does not take a value; None if it does.

        The value must be of the slot's type, one of its choices, and pass its validator.
        """
        definition = self.definitions.get(name)
        if definition is None:
            return "there is no such slot"
        if type(value) is not _PYTHON_TYPE.get(definition.type, str):
            return f"it takes a value of type {definition.type}"
        if definition.type is SlotType.CHOICE and value not in [choice.name for choice in definition.choices]:
            return "choose one of: " + ", ".join(choice.name for choice in definition.choices)
        try:
            return definition.validator(value, scope) if definition.validator else None
        except Exception as error:  # A validator is an author's code, and may raise anything.
            raise AssistantFailed("a validator failed", state=f"slots/{name}") from error

    def fill(
        self, context: ConversationContext, understanding: Understanding, now: datetime
    ) -> tuple[ConversationContext, SlotsChange]:
        """Takes what a message offers: sets what is valid, says what is refused, clears what is taken back."""
        filled: dict[str, SlotValue] = {}
        rejected = [self._rejection(r.slot, r.reason, r.raw) for r in understanding.rejected]
        for name, candidate in self.extract(context, understanding).items():
            scope = ValidationScope(slots={**context.slots, **filled}, now=now)
            reason = self.validate(name, candidate.value, scope)
            if reason is None:
                filled[name] = candidate.value
            else:
                rejected.append(self._rejection(name, reason, candidate.raw))
        cleared = () if filled or rejected else self._taken_back(context, understanding)
        if not (filled or cleared or rejected):
            return context, SlotsChange()
        change = SlotsChange(filled=filled, cleared=cleared, rejected=tuple(rejected))
        return context.set_slots(filled).clear_slot(*cleared), change

    def missing(self, context: ConversationContext, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the named slots that are required and have no value, in order."""
        return tuple(name for name in names if self.definitions[name].required and not context.has_slot(name))

    def next_prompt(self, name: str, scope: Scope, *, attempts: int = 0) -> str:
        """The question that asks for a slot, after so many attempts in vain."""
        definition = self.definitions[name]
        if attempts and definition.reprompts:
            return render(definition.reprompts[min(attempts, len(definition.reprompts)) - 1], scope.names())
        return render(definition.prompt, scope.names()) or f"What is the {definition.label}?"

    def _taken_back(self, context: ConversationContext, understanding: Understanding) -> tuple[str, ...]:
        # "Change the date" names a slot without a value. In the midst of a form it must say so more clearly than at a
        # question whose answer it can be: "which day?" "that date is fine" takes nothing back.
        if understanding.answer is Answer.YES or (context.requested_slot and not understanding.correction):
            return ()
        return tuple(name for name in self.definitions if name in understanding.mentioned and context.has_slot(name))

    def _rejection(self, name: str, reason: str, raw: str) -> Rejection:
        definition = self.definitions.get(name)
        return Rejection(slot=name, reason=reason, raw="" if definition and definition.sensitive else raw)


@dataclass(frozen=True, slots=True)
class FormFiller:
    """A form: slots that are asked for, in any order they come, until all the required ones are filled."""

    slots: tuple[str, ...]
    filler: SlotFiller

    def fill(
        self, context: ConversationContext, understanding: Understanding, now: datetime
    ) -> tuple[ConversationContext, SlotsChange]:
        """Takes what a message offers, for the form's slots and any other."""
        return self.filler.fill(context, understanding, now)

    def missing(self, context: ConversationContext) -> tuple[str, ...]:
        """The required slots that have no value, in the order in which they are asked."""
        return self.filler.missing(context, self.slots)

    def filled(self, context: ConversationContext) -> Mapping[str, SlotValue]:
        """The values of the form's slots that have one."""
        return {name: context.slots[name] for name in self.slots if name in context.slots}

    def complete(self, context: ConversationContext) -> bool:
        """Whether no required slot is missing."""
        return not self.missing(context)

    def next_prompt(self, scope: Scope, *, attempts: int = 0) -> str:
        """The question that asks for the first missing slot; empty when the form is complete."""
        missing = self.missing(scope.context)
        return self.filler.next_prompt(missing[0], scope, attempts=attempts) if missing else ""
