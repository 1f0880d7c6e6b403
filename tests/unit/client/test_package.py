import ast
import inspect
import subprocess
import sys
import types
from pathlib import Path

import pytest

import parley


def test_what_is_public_is_in_all() -> None:
    names = {
        name
        for name, value in vars(parley).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }

    assert set(parley.__all__) == names


@pytest.mark.parametrize(
    ("waiting", "threaded"),
    [(parley.AsyncClient, parley.Client), (parley.AsyncConversation, parley.Conversation)],
)
def test_both_clients_have_the_same_methods_with_the_same_parameters(waiting: type, threaded: type) -> None:
    def surface(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if name == "__init__" or not name.startswith("_")
        }

    assert surface(waiting) == surface(threaded)


def test_every_public_method_says_what_it_does() -> None:
    for client in (parley.AsyncClient, parley.Client, parley.AsyncConversation, parley.Conversation):
        for name, method in inspect.getmembers(client, inspect.isfunction):
            assert name.startswith("_") or method.__doc__, f"{client.__name__}.{name}"


def test_the_client_needs_nothing_of_the_server() -> None:
    check = "import sys, parley; sys.exit(any(name.startswith('parley_server') for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_example_of_the_module_is_python() -> None:
    lines = (parley.__doc__ or "").split("\n\n", 1)[1].splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)

    names = {node.attr for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Attribute)}

    assert {"AsyncClient", "TextDelta", "conversation", "chat", "say"} <= names
    assert Path(parley.__file__).with_name("py.typed").exists()
