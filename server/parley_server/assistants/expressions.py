"""Expressions: CEL, type-checked against the assistant's slots when the definition is loaded.

The slots become a message type of their own, so that an unknown slot, or a number compared with a text, is an error at
load, and `has(slots.date)` asks whether a slot has a value. A date is a timestamp at midnight UTC, a time a text such
as `15:00`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from parley_server.core.conditions import Scope
from parley_server.core.slots import SlotType, SlotValue, ValidationScope, Validator

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


class Expressions:
    """Compiles the expressions of one assistant."""

    def __init__(self, slots: Mapping[str, SlotType]) -> None:
        """Takes the types of the slots, by name."""
        self._slots = slots
        self._pool = descriptor_pool.DescriptorPool()
        self._pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
        self._pool.AddSerializedFile(_describe(slots).SerializeToString())
        self._message = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{_PACKAGE}.Slots"))
        self._variables = {
            "slots": cel.Type(f"{_PACKAGE}.Slots"),
            "now": cel.Type.TIMESTAMP,
            "today": cel.Type.TIMESTAMP,
        }

    def condition(self, source: str) -> Callable[[Scope], bool]:
        """Compiles a condition over `slots`, `intent`, `message`, `metadata`, `turn`, `now` and `today`.

        Where it can not be evaluated, since the metadata lack a key for instance, it does not hold.

        Raises:
            ValueError: It is no expression, names what there is not, or is neither true nor false.
        """
        variables = {
            "intent": cel.Type.STRING,
            "message": cel.Type.STRING,
            "metadata": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
            "turn": cel.Type.INT,
        }
        expression = self._compile(source, variables)

        def holds(scope: Scope) -> bool:
            return self._is_true(
                expression,
                scope.context.slots,
                scope.now,
                intent=scope.understanding.intent,
                message=scope.understanding.message,
                metadata=dict(scope.context.metadata),
                turn=scope.context.turn_count + 1,
            )

        return holds

    def validator(self, source: str, slot_type: SlotType, reason: str) -> Validator:
        """Compiles a rule over `value`, `slots`, `now` and `today`; what it is not true of is refused with the reason.

        Raises:
            ValueError: As for `condition`.
        """
        expression = self._compile(source, {"value": _CEL_TYPE.get(slot_type, cel.Type.STRING)})

        def validate(value: SlotValue, scope: ValidationScope) -> str | None:
            good = self._is_true(expression, scope.slots, scope.now, value=_plain(value))
            return None if good else reason

        return validate

    def _compile(self, source: str, variables: Mapping[str, cel.Type]) -> cel.Expression:
        environment = cel.NewEnv(self._pool, variables={**self._variables, **variables})
        try:
            expression = environment.compile(source)
        except RuntimeError as error:
            raise ValueError(f"not an expression: {_first_problem(str(error))}") from error
        if expression.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
            raise ValueError("the expression is neither true nor false")
        return expression

    def _is_true(
        self, expression: cel.Expression, slots: Mapping[str, SlotValue], now: datetime, **names: object
    ) -> bool:
        # A session may still hold a slot that the definition has given up,
        known = {name: _plain(value) for name, value in slots.items() if name in self._slots}
        try:
            filled = self._message(**known)
        except (TypeError, ValueError):
            # or one that has had another type then.
            return False
        data = {**names, "slots": filled, "now": now, "today": _plain(now.date())}
        return expression.eval(data=data).value() is True


def _describe(slots: Mapping[str, SlotType]) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="slots.proto", package=_PACKAGE, syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    described = file.message_type.add(name="Slots")
    for number, (name, slot_type) in enumerate(slots.items(), start=1):
        kind = _FIELD_TYPE.get(slot_type, _Field.TYPE_STRING)
        # Without a JSON name of its own, `start_at` and `startAt` would have the same one, which is refused.
        field = described.field.add(name=name, json_name=name, number=number, type=kind, label=_Field.LABEL_OPTIONAL)
        if kind == _Field.TYPE_MESSAGE:
            field.type_name = ".google.protobuf.Timestamp"
        # An optional field stands in a oneof of its own: that is how `has` can tell an unset slot from an empty one.
        field.proto3_optional = True
        field.oneof_index = number - 1
        described.oneof_decl.add(name=f"_{name}")
    return file


def _plain(value: SlotValue) -> object:
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.isoformat("minutes") if isinstance(value, time) else value


def _first_problem(report: str) -> str:
    line = report.splitlines()[0]
    problem = line.partition("<input>:")[2].partition(": ")[2] or line
    return problem.removesuffix(" [INVALID_ARGUMENT]").removesuffix(" (in container '')")
