"""Filling slots: which of the values that a message offers are taken, which are refused, what is asked next.

This module must not read words: understanding has done that, and hands over typed candidates.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from parley_server.core.context import ConversationContext, is_json
from parley_server.core.effects import Perform, Steps
from parley_server.core.slots import (
    Candidate,
    Rejection,
    Rule,
    SlotDefinition,
    SlotsChange,
    SlotType,
    SlotValue,
    ValidationScope,
    Validator,
)
from parley_server.core.texts import Text, render
from parley_server.core.understanding import Answer, Understanding
from parley_server.errors import AssistantFailed


class SlotFiller:
    """Fills the slots of an assistant. Holds definitions alone: the values live in the context."""

    def __init__(self, definitions: Iterable[SlotDefinition]) -> None:
        """Takes the definitions of all slots."""
        self.definitions: Mapping[str, SlotDefinition] = {slot.name: slot for slot in definitions}
        self.heard = {name: slot for name, slot in self.definitions.items() if not slot.internal}
        """Those to which what a user says may give a value."""
        self.extractors = {
            name: slot.extractor
            for name, slot in self.heard.items()
            if slot.extractor and not isinstance(slot.extractor, re.Pattern)
        }
        """The code that finds values in messages, by slot."""
        self._required = {name for name, slot in self.definitions.items() if slot.required is True}
        self._checked = {name for name, slot in self.definitions.items() if slot.validators}
        self._dependent = {name: slot.depends_on for name, slot in self.definitions.items() if slot.depends_on}

    def extract(self, context: ConversationContext, understanding: Understanding) -> Mapping[str, Candidate]:
        """The candidates of a message that say something new of a slot that exists."""
        return {
            name: candidate
            for name, candidate in understanding.slots.items()
            if name in self.definitions and not candidate.may_mean(context.get_slot(name))
        }

    def validate(self, name: str, value: SlotValue, scope: ValidationScope) -> Steps[str | None]:
        """Says why a slot does not take a value; None if it does.

        The value must be of the slot's type, one of its choices, and pass its validators.
        """
        if reason := self.mistyped(name, value):
            return reason
        for validator in self.definitions[name].validators:
            reason = yield from _refusal(validator, name, value, scope)
            if reason is not None:
                return reason
        return None

    def refusals(
        self, context: ConversationContext, given: Mapping[str, SlotValue], now: datetime
    ) -> Steps[Mapping[str, str]]:
        """Says why slots do not take the values that a caller gives, each in the light of the others."""
        scope = ValidationScope(slots={**context.slots, **given}, now=now)
        reasons: dict[str, str] = {}
        for name, value in given.items():
            reason = yield from self.validate(name, value, scope)
            if reason is not None:
                reasons[name] = reason
        return reasons

    def _settled(self, name: str, candidate: Candidate, scope: ValidationScope) -> Steps[tuple[SlotValue, str | None]]:
        """The value that words mean in the light of the slot's rules, and why it is refused; None: it is not."""
        reason = yield from self.validate(name, candidate.value, scope)
        if reason is not None:
            for other in candidate.others:
                if (yield from self.validate(name, other, scope)) is None:
                    return other, None
        return candidate.value, reason

    def mistyped(self, name: str, value: SlotValue) -> str | None:
        """Says why a value can not be a slot's at all, whatever its validator thinks; None if it can."""
        definition = self.definitions.get(name)
        if definition is None:
            return "there is no such slot"
        if type(value) is not definition.type.value_type:
            return f"it takes a value of type {definition.type}"
        if definition.type is SlotType.INTEGER and not is_json(value):
            return "it takes a whole number of 64 bits"
        if definition.type is SlotType.CHOICE and value not in [choice.name for choice in definition.choices]:
            return "choose one of: " + ", ".join(choice.name for choice in definition.choices)
        return None

    def fill(
        self, context: ConversationContext, understanding: Understanding, now: datetime
    ) -> Steps[tuple[ConversationContext, SlotsChange]]:
        """Takes what a message offers: sets what is valid, says what is refused, clears what is taken back."""
        filled: dict[str, SlotValue] = {}
        rejected = [self._rejection(r.slot, r.reason, r.raw) for r in understanding.rejected]
        offered = self.extract(context, understanding)
        # In the order of the definitions, so that a rule sees what the message gives for the slots before its own.
        for name in self.definitions if len(offered) > 1 else offered:
            if candidate := offered.get(name):
                scope = ValidationScope(slots={**context.slots, **filled}, now=now)
                value, reason = yield from self._settled(name, candidate, scope)
                if reason is None:
                    filled[name] = value
                else:
                    rejected.append(self._rejection(name, reason, candidate.raw))
        cleared = () if filled or rejected else self._taken_back(context, understanding)
        changed = {name for name in filled if context.has_slot(name)}
        cleared = self._with_dependents(context, cleared, changed, filled)
        if filled:
            known = {name: value for name, value in {**context.slots, **filled}.items() if name not in cleared}
            outdated = yield from self._outdated(known, filled, now)
            rejected += outdated
            cleared = self._with_dependents(context, (*cleared, *(r.slot for r in outdated)), changed, filled)
        if not (filled or cleared or rejected):
            return context, SlotsChange()
        change = SlotsChange(filled=filled, cleared=cleared, rejected=tuple(rejected))
        return self._marked(context, filled, cleared), change

    def missing(self, context: ConversationContext, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the named slots that are required, have no value and were not skipped, in order."""
        known, skipped, always = context.slots, context.skipped, self._required
        unknown = [name for name in names if name not in known and name not in skipped]
        return tuple([name for name in unknown if name in always or self._is_required_now(name, context)])

    def next_confirmation(self, name: str, context: ConversationContext) -> Text:
        """The question whether a slot's value is right."""
        definition = self.definitions[name]
        return (
            definition.confirm
            or definition.ask_first
            or f"The {definition.label} is {context.get_slot(name)}, is that right?"
        )

    def defaults(self, context: ConversationContext, names: Sequence[str]) -> Mapping[str, SlotValue]:
        """The defaults of those of the named slots that have no value."""
        return {
            name: default
            for name in names
            if not context.has_slot(name) and (default := self.definitions[name].default) is not None
        }

    def next_prompt(self, name: str, *, attempts: int = 0, invalid: bool = False) -> Text:
        """The question that asks for a slot, after so many attempts in vain, the last of them by an invalid value."""
        definition = self.definitions[name]
        reprompts = (definition.invalid_reprompts if invalid else ()) or definition.reprompts
        if attempts and reprompts:
            return reprompts[min(attempts, len(reprompts)) - 1]
        return definition.prompt or f"What is the {definition.label}?"

    def _taken_back(self, context: ConversationContext, understanding: Understanding) -> tuple[str, ...]:
        # "Change the date" names a slot without a value. In the midst of a form it must say so more clearly than at a
        # question whose answer it can be: "which day?" "that date is fine" takes nothing back.
        if understanding.answer is Answer.YES or (context.requested_slot and not understanding.correction):
            return ()
        return tuple(name for name in self.definitions if name in understanding.mentioned and context.has_slot(name))

    def _outdated(
        self, known: Mapping[str, SlotValue], filled: Mapping[str, SlotValue], now: datetime
    ) -> Steps[list[Rejection]]:
        """The values that were good until a message gave others which their rules look at."""
        scope = ValidationScope(slots=known, now=now)
        outdated = []
        for name, value in known.items():
            if name in self._checked and name not in filled:
                reason = yield from self.validate(name, value, scope)
                if reason is not None:
                    outdated.append(self._rejection(name, reason, ""))
        return outdated

    def _with_dependents(
        self,
        context: ConversationContext,
        cleared: Sequence[str],
        changed: set[str],
        filled: Mapping[str, SlotValue],
    ) -> tuple[str, ...]:
        """What is cleared, with the slots whose value depends on one that has changed."""
        if not self._dependent:
            return tuple(cleared)
        dependent = {name: on for name, on in self._dependent.items() if context.has_slot(name) and name not in filled}
        voided, changed = [*cleared], {*changed, *cleared}
        # What one round voids may be what the next one's slots depend on.
        while found := [name for name, on in dependent.items() if name not in voided and not changed.isdisjoint(on)]:
            voided += found
            changed |= {*found}
        return tuple(voided)

    def _marked(
        self, context: ConversationContext, filled: Mapping[str, SlotValue], cleared: Sequence[str]
    ) -> ConversationContext:
        """The context with the change carried out, and with the values that are to be confirmed marked."""
        after = context.set_slots(filled).clear_slot(*cleared)
        doubtful = [name for name in filled if self.definitions[name].confirm]
        kept = [name for name in context.unconfirmed if name not in filled and name not in cleared]
        if tuple(unconfirmed := kept + doubtful) != context.unconfirmed:
            after = replace(after, unconfirmed=tuple(unconfirmed))
        return after

    def _is_required_now(self, name: str, context: ConversationContext) -> bool:
        required = self.definitions[name].required
        return required if isinstance(required, bool) else required(context.slots)

    def _rejection(self, name: str, reason: str, raw: str) -> Rejection:
        definition = self.definitions.get(name)
        return Rejection(slot=name, reason=reason, raw="" if definition and definition.sensitive else raw)


@dataclass(frozen=True, slots=True)
class FormFiller:
    """A form: slots that are asked for, in any order they come, until all the required ones are filled."""

    slots: tuple[str, ...]
    filler: SlotFiller

    def missing(self, context: ConversationContext) -> tuple[str, ...]:
        """The required slots that have no value, in the order in which they are asked."""
        return self.filler.missing(context, self.slots)

    def known_before(self, context: ConversationContext) -> tuple[str, ...]:
        """The form's slots that have a value which is only used when the user says that it is right."""
        return tuple(
            name
            for name in self.slots
            if self.filler.definitions[name].ask_first and context.has_slot(name) and name not in context.confirmed
        )

    def defaults(self, context: ConversationContext) -> Mapping[str, SlotValue]:
        """The defaults of the form's slots that have no value."""
        return self.filler.defaults(context, self.slots)

    def filled(self, context: ConversationContext) -> Mapping[str, SlotValue]:
        """The values of the form's slots that have one."""
        return {name: context.slots[name] for name in self.slots if name in context.slots}

    def complete(self, context: ConversationContext) -> bool:
        """Whether no required slot is missing, and none has a value that is yet to be confirmed."""
        return not self.missing(context) and not self.unconfirmed(context)

    def unconfirmed(self, context: ConversationContext) -> tuple[str, ...]:
        """The form's slots whose value the user has yet to confirm."""
        return tuple(name for name in self.slots if name in context.unconfirmed) if context.unconfirmed else ()

    def next_prompt(self, context: ConversationContext, *, attempts: int = 0) -> Text:
        """The question that asks for the first missing slot; empty when the form is complete."""
        missing = self.missing(context)
        return self.filler.next_prompt(missing[0], attempts=attempts) if missing else ""


def _refusal(validator: Validator, name: str, value: SlotValue, scope: ValidationScope) -> Steps[str | None]:
    place = f"slots/{name}"
    if not isinstance(validator, Rule):
        reason = yield Perform(validator, (value, scope), place)
        if isinstance(reason, str | None):
            return reason
        raise AssistantFailed("a validator returned neither a reason nor None", state=place)
    try:
        if validator.holds(value, scope):
            return None
        names = {"value": value, "slots": scope.slots, "now": scope.now, "today": scope.now.date()}
        return render(validator.reason, names)
    except Exception as error:  # A rule and its text are an author's, and may raise anything.
        raise AssistantFailed("a validator failed", state=place) from error
