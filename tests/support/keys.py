"""The keys that a definition may have, and those that one has."""

from collections.abc import Mapping

from pydantic import BaseModel

from parley_server.assistants import schema

_MODELS = {
    name: model
    for name, model in vars(schema).items()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == schema.__name__
}
# What intents and branches have in common is looked for in both.
KEYS = {(name, key) for name, model in _MODELS.items() if name != "ReactionModel" for key in model.model_fields}
"""All of them, each with the name of its model."""


def keys_in(model: object) -> set[tuple[str, str]]:
    """The keys that a definition uses, each with its model's name."""
    if isinstance(model, BaseModel):
        inner = {name: getattr(model, name) for name in model.model_fields_set}
        return {(type(model).__name__, name) for name in inner}.union(*map(keys_in, inner.values()))
    parts = model.values() if isinstance(model, Mapping) else model if isinstance(model, list | tuple) else ()
    return set[tuple[str, str]]().union(*map(keys_in, parts))
