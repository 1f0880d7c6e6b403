"""Callables: an author's Python functions, named `package.module:function` in a definition."""

import importlib
import re
from collections.abc import Callable
from typing import Any

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def names_callable(text: str) -> bool:
    """Whether a text has the form `package.module:function`."""
    return _NAME.fullmatch(text) is not None


def find_callable(name: str) -> Callable[..., Any]:
    """Imports a function.

    Raises:
        ValueError: The name is malformed, there is no such function, or its module fails.
    """
    if not names_callable(name):
        raise ValueError("not a callable: write `package.module:function`")
    module_name, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"no such callable: {error}") from error
    except Exception as error:  # An author's module may raise anything when it is imported.
        raise ValueError(f"{module_name} can not be imported: {type(error).__name__}: {error}") from error
    if callable(found):
        function: Callable[..., Any] = found
        return function
    raise ValueError(f"{name} is not callable")
