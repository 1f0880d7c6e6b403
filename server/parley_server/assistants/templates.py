"""Templates: Jinja in its immutable sandbox, compiled when the definition is loaded.

Only an author's texts are ever compiled; what a user says goes in as a value.
"""

from collections.abc import Collection, Mapping

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from parley_server.core.texts import Text

NAMES = frozenset({"slots", "intent", "message", "metadata", "turn", "phase", "session_id", "user_id", "now", "today"})
"""The names that a template sees: those of `Scope.names`."""

_environment = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=False)


def compile_template(source: str, slots: Collection[str]) -> Text:
    """Compiles a text; one without any markup stays a plain string.

    Raises:
        ValueError: The text is no template, or names what there is not.
    """
    if "{" not in source:
        return source
    try:
        tree = _environment.parse(source)
    except TemplateSyntaxError as error:
        raise ValueError(f"not a template: {error.message}") from error
    unknown = meta.find_undeclared_variables(tree) - NAMES
    unknown |= {f"slots.{name}" for name in _slots_named(tree) if name not in slots}
    if unknown:
        raise ValueError(f"the template names what there is not: {', '.join(sorted(unknown))}")
    compiled = _environment.from_string(source)

    def template(names: Mapping[str, object]) -> str:
        return compiled.render(names)

    return template


def _slots_named(tree: nodes.Template) -> set[str]:
    return {
        access.attr
        for access in tree.find_all(nodes.Getattr)
        if isinstance(access.node, nodes.Name) and access.node.name == "slots"
    }
