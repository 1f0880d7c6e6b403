"""Templates: Jinja in its immutable sandbox, compiled when the definition is loaded.

Only an author's texts are ever compiled; what a user says goes in as a value.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from parley_server.assistants.schema_defects import closest
from parley_server.core.texts import Text

NAMES = frozenset({"slots", "intent", "message", "metadata", "turn", "phase", "session_id", "user_id", "now", "today"})
"""The names that a template sees: those of `Scope.names`."""

CHECK_NAMES = frozenset({"value", "slots", "now", "today"})
"""The names that the reason of a check sees."""

_OTHER_FILES = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)


def _written(value: object) -> object:
    """A value as people write it, where its author has not said how."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return int(value)
        case time():
            return value.isoformat("minutes")
        case date() if not isinstance(value, datetime):
            return f"{value:%A}, {value.day} {value:%B %Y}"
    return value


def _make_environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=False, finalize=_written)
    # The same turn is to say the same, whoever takes it again.
    del environment.globals["lipsum"], environment.filters["random"]
    return environment


_environment = _make_environment()


def compile_template(source: str, slots: Collection[str], names: Collection[str] = NAMES) -> Text:
    """Compiles a text; one without any markup stays a plain string.

    Args:
        source: The text.
        slots: The names of the slots.
        names: The names that the template sees.

    Raises:
        ValueError: The text is no template, or names what there is not.
    """
    if "{" not in source:
        return source
    try:
        tree = _environment.parse(source)
        unknown = meta.find_undeclared_variables(tree).difference(names)
        compiled = _environment.from_string(tree)
        # Every text that is written copies them, which a chain of mappings makes slow.
        compiled.globals = dict(compiled.globals)
    except TemplateSyntaxError as error:
        raise ValueError(f"not a template: {error.message}") from error
    if any(tree.find(kind) for kind in _OTHER_FILES):
        raise ValueError("a template takes nothing from other files")
    unknown |= {f"slots.{name}" for name in _slots_named(tree) if name not in slots}
    if unknown:
        wrong = min(unknown)
        of_slot = wrong.startswith("slots.")
        hint = closest(wrong.removeprefix("slots."), slots) if of_slot else closest(wrong, names)
        hint = hint or ("" if of_slot else f": it sees {', '.join(sorted(names))}")
        raise ValueError(f"the template names what there is not: {', '.join(sorted(unknown))}{hint}")

    def template(names: Mapping[str, object]) -> str:
        return compiled.render(names)

    return template


def _slots_named(tree: nodes.Template) -> set[str]:
    attributes = {access.attr for access in tree.find_all(nodes.Getattr) if _is_slots(access.node)}
    items = {access.arg for access in tree.find_all(nodes.Getitem) if _is_slots(access.node)}
    return attributes | {str(name.value) for name in items if isinstance(name, nodes.Const)}


def _is_slots(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "slots"
