"""Expressions: CEL, type-checked against the assistant's slots when the definition is loaded.

The slots become a message type of their own, so that an unknown slot, or a number compared with a text, is an error at
load, and `has(slots.date)` asks whether a slot has a value. A date is a timestamp at midnight UTC, a time a text such
as `15:00`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from parley_server.assistants.schema_defects import closest
from parley_server.core.conditions import Scope
from parley_server.core.slots import SlotRule, SlotType, SlotValue, ValidationScope

_PACKAGE = "parley.assistant"
_Field = descriptor_pb2.FieldDescriptorProto
_FIELD_TYPE: Mapping[SlotType, "descriptor_pb2.FieldDescriptorProto.Type.ValueType"] = {
    SlotType.INTEGER: _Field.TYPE_INT64,
    SlotType.FLOAT: _Field.TYPE_DOUBLE,
    SlotType.BOOLEAN: _Field.TYPE_BOOL,
    SlotType.DATE: _Field.TYPE_MESSAGE,
}
_CEL_TYPE: Mapping[SlotType, cel.Type] = {
    SlotType.INTEGER: cel.Type.INT,
    SlotType.FLOAT: cel.Type.DOUBLE,
    SlotType.BOOLEAN: cel.Type.BOOL,
    SlotType.DATE: cel.Type.TIMESTAMP,
}

_TYPE_WORDS: Mapping[str, str] = {
    "google.protobuf.Timestamp": "date",
    "google.protobuf.timestamp": "date",
    "timestamp": "date",
    "double": "float",
    "int": "integer",
    "string": "text",
    "bool": "boolean",
}
"""What CEL calls the types, in an author's words."""
_HINTS: Sequence[tuple[str, str]] = (
    (
        r"'_\+_'.*(\((integer|float|boolean|date), text\)|\(text, (integer|float|boolean|date)\))",
        "string(…) makes a text",
    ),
    (r"\((float, integer|integer, float)\)", "a float goes with floats alone: write 10.0 for 10"),
    (r"\((date, text|text, date)\)", 'a date goes with `today`, or with timestamp("2026-12-24T00:00:00Z")'),
    (r"\((integer|float), text\)|\(text, (integer|float)\)", "a number stands without quotes, and a time in them"),
    (r"error at: '= ?'", "what is equal is written =="),
    (r"error at: '& ?'|error at: '\| ?'", "and is written &&, or is ||"),
)
"""What is mostly meant where an expression can not be compiled."""
_TIME_VARIABLES = {"now": cel.Type.TIMESTAMP, "today": cel.Type.TIMESTAMP}
_TURN_VARIABLES: Mapping[str, cel.Type] = {
    "intent": cel.Type.STRING,
    "message": cel.Type.STRING,
    "metadata": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "turn": cel.Type.INT,
}
_TIME_VALUES: Mapping[str, Callable[[Scope | ValidationScope], object]] = {
    "now": lambda scope: scope.now,
    "today": lambda scope: _plain(scope.now.date()),
}
_TURN_VALUES: Mapping[str, Callable[[Scope], object]] = {
    "intent": lambda scope: scope.understanding.intent,
    "message": lambda scope: scope.understanding.message,
    "metadata": lambda scope: dict(scope.context.metadata),
    "turn": lambda scope: scope.context.turn_count + 1,
    **_TIME_VALUES,
}
_KEYWORDS = re.compile(
    r'message\.matches\("(?P<flag>(?:\(\?i\))?)(?P<edge>(?:\\\\b)?)(?P<words>\((?:[A-Za-z]\??|[ |])+\))(?P=edge)"\)'
)
"""A condition that looks for words, written so that Python reads the pattern as CEL does."""


@dataclass(frozen=True, slots=True)
class _Expression:
    """A compiled expression. It is given what it names alone, for to hand over a value takes longer than to compare."""

    program: cel.Expression
    names: frozenset[str]
    """The variables that it may name."""
    slots: frozenset[str]
    """The slots that it may name."""


class Expressions:
    """Compiles the expressions of one assistant."""

    def __init__(self, slots: Mapping[str, SlotType]) -> None:
        """Takes the types of the slots, by name."""
        self._slots = slots
        self._pool = descriptor_pool.DescriptorPool()
        self._pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        self._pool.AddSerializedFile(_describe(slots).SerializeToString())
        self._message = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{_PACKAGE}.Slots"))

    def condition(self, source: str) -> Callable[[Scope], bool]:
        """Compiles a condition over `slots`, `intent`, `message`, `metadata`, `turn`, `now` and `today`.

        Where it can not be evaluated, since the metadata lack a key for instance, it does not hold.

        Raises:
            ValueError: It is no expression, names what there is not, or is neither true nor false.
        """
        expression = self._compile(source, _TURN_VARIABLES)
        may_hold = _gate_of(source)
        return lambda scope: may_hold(scope.understanding.message) and self._evaluate_in(expression, scope) is True

    def rule(self, source: str) -> SlotRule:
        """Compiles a rule over `slots` alone.

        Raises:
            ValueError: As for `condition`.
        """
        expression = self._compile(source, {}, slots_alone=True)
        return lambda slots: self._evaluate(expression, slots, {}) is True

    def value(self, source: str, slot: str) -> Callable[[Scope], SlotValue | None]:
        """Compiles the value that a slot takes, over what a condition may name.

        The value of another slot is that slot's, or none; what can not be evaluated is none.

        Raises:
            ValueError: It is no expression, names what there is not, or has not the slot's type.
        """
        slot_type = self._slots[slot]
        expression = self._compile(source, _TURN_VARIABLES, expected=_CEL_TYPE.get(slot_type, cel.Type.STRING))
        copied = re.fullmatch(r"slots\.(\w+)", source.strip())
        if copied:
            # CEL gives an unset field its type's zero value.
            return lambda scope: scope.context.get_slot(copied[1])
        return lambda scope: _slot_value(self._evaluate_in(expression, scope), slot_type)

    def check(self, source: str, slot_type: SlotType) -> Callable[[SlotValue, ValidationScope], bool]:
        """Compiles a rule over `value`, `slots`, `now` and `today`; where it can not be evaluated, it does not hold.

        Raises:
            ValueError: As for `condition`.
        """
        expression = self._compile(source, {"value": _CEL_TYPE.get(slot_type, cel.Type.STRING)})
        times = [(name, read) for name, read in _TIME_VALUES.items() if name in expression.names]

        def holds(value: SlotValue, scope: ValidationScope) -> bool:
            names = {"value": _plain(value), **{name: read(scope) for name, read in times}}
            return self._evaluate(expression, scope.slots, names) is True

        return holds

    def _compile(
        self,
        source: str,
        variables: Mapping[str, cel.Type],
        *,
        expected: cel.Type = cel.Type.BOOL,
        slots_alone: bool = False,
    ) -> _Expression:
        known = {"slots": cel.Type(f"{_PACKAGE}.Slots"), **({} if slots_alone else _TIME_VARIABLES), **variables}
        try:
            program = cel.NewEnv(self._pool, variables=known).compile(source)
        except RuntimeError as error:
            problem = _first_problem(str(error))
            if field := re.search(r"undefined field '(\w+)' not found in struct '.*Slots'", problem):
                raise ValueError(f"there is no slot `{field[1]}`{closest(field[1], self._slots)}") from error
            raise ValueError(f"not an expression: {problem}{self._hint(problem, known)}") from error
        found = program.return_type()
        if found not in (expected, cel.Type.DYN):
            needed = "true or false" if expected == cel.Type.BOOL else _in_words(expected.name())
            raise ValueError(f"the expression gives {_in_words(found.name())}, where {needed} is needed")
        words = frozenset(re.findall(r"\w+", source))
        # Of `slots` without a field behind it anything may be asked.
        slots = self._slots if re.search(r"\bslots\b(?!\.\w)", source) else words & self._slots.keys()
        return _Expression(program, words & known.keys(), frozenset(slots))

    def _hint(self, problem: str, names: Collection[str]) -> str:
        """What to write instead, where that can be told."""
        if name := re.search(r"undeclared reference to '(\w+)[\w.]*'", problem):
            if name[1] in self._slots:
                return f": write `slots.{name[1]}`"
            return closest(name[1], names) or f": a text stands in quotes, and the names are {', '.join(sorted(names))}"
        return next((f": {hint}" for pattern, hint in _HINTS if re.search(pattern, problem)), "")

    def _evaluate_in(self, expression: _Expression, scope: Scope) -> object:
        names = {name: read(scope) for name, read in _TURN_VALUES.items() if name in expression.names}
        return self._evaluate(expression, scope.context.slots, names)

    def _evaluate(self, expression: _Expression, slots: Mapping[str, SlotValue], names: Mapping[str, object]) -> object:
        """The value of an expression; None where it has none."""
        data = {**names}
        if "slots" in expression.names:
            # A session may still hold a slot that the definition has given up,
            known = {name: _plain(value) for name, value in slots.items() if name in expression.slots}
            try:
                data["slots"] = self._message(**known)
            except (TypeError, ValueError):
                # or one that has had another type then.
                return None
        found = expression.program.eval(data=data)
        value: object = found.value()
        return None if found.type() == cel.Type.ERROR else value


def _describe(slots: Mapping[str, SlotType]) -> descriptor_pb2.FileDescriptorProto:
    # In the older syntax `has` tells an unset field from an empty one; and with JSON names of their own `start_at` and
    # `startAt` can be two fields.
    file = descriptor_pb2.FileDescriptorProto(
        name="slots.proto", package=_PACKAGE, syntax="proto2", dependency=["google/protobuf/timestamp.proto"]
    )
    described = file.message_type.add(name="Slots")
    for number, (name, slot_type) in enumerate(slots.items(), start=1):
        kind = _FIELD_TYPE.get(slot_type, _Field.TYPE_STRING)
        field = described.field.add(name=name, json_name=name, number=number, type=kind, label=_Field.LABEL_OPTIONAL)
        if kind == _Field.TYPE_MESSAGE:
            field.type_name = ".google.protobuf.Timestamp"
    return file


def _gate_of(source: str) -> Callable[[str], bool]:
    """What tells that a condition can not hold of a message: CEL compiles a pattern anew whenever it looks for it."""
    found = _KEYWORDS.fullmatch(source.strip())
    if found is None:
        return lambda _: True
    edge = found["edge"] and r"\b"
    search = re.compile(found["flag"] + edge + found["words"] + edge).search
    return lambda message: not message.isascii() or search(message) is not None


def _plain(value: SlotValue) -> object:
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.isoformat("minutes") if isinstance(value, time) else value


def _slot_value(value: object, slot_type: SlotType) -> SlotValue | None:
    try:
        if isinstance(value, datetime) and slot_type is SlotType.DATE:
            return value.date()
        if isinstance(value, str) and slot_type is SlotType.TIME:
            return time.fromisoformat(value)
    except ValueError:
        return None
    return value if isinstance(value, str | int | float | bool) else None


def _first_problem(report: str) -> str:
    line = report.splitlines()[0]
    problem = line.partition("<input>:")[2].partition(": ")[2] or line
    problem = problem.removesuffix(" [INVALID_ARGUMENT]").removesuffix(" (in container '')")
    return re.sub(r"[\w.]+", lambda word: _TYPE_WORDS.get(word[0], word[0]), problem)


def _in_words(cel_type: str) -> str:
    return _TYPE_WORDS.get(cel_type.lower(), cel_type.lower())
