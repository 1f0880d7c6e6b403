"""An author's code: found beside the definition, whoever asks from wherever, and refused where it can not be called."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.servers import definition

from parley_server.assistants.callables import find_callable, importing_from
from parley_server.assistants.checking.check import check_definition
from parley_server.assistants.loading import load_assistant
from parley_server.core.slots import ValidationScope
from parley_server.errors import InvalidDefinition

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an author's modules into a folder."""

    def written(folder: str = "one", **modules: str) -> Path:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        for name, text in modules.items():
            (path / f"{name}.py").write_text(text)
        return path

    return written


def find(folder: Path, name: str, *takes: type) -> Callable[..., Any]:
    with importing_from(folder):
        return find_callable(name, takes or (str,), folder)


def test_a_module_beside_the_definition_is_found_with_what_it_imports(write: Write) -> None:
    folder = write(authors="from sibling import NAME\ndef say(_): return NAME\n", sibling="NAME = 'Ada'\n")

    assert find(folder, "authors:say")("x") == "Ada"


def test_modules_of_one_name_in_two_folders_do_not_meet(write: Write) -> None:
    text = "def say(_):\n    import late\n    return f'{__file__[-10:-3]} {late.NAME}'\n"
    one = find(write("one", authors=text, late="NAME = 1\n"), "authors:say")
    two = find(write("two", authors=text), "authors:say")

    assert (one("x"), two("x")) == ("authors 1", "authors 1")
    assert one.__globals__["__file__"] != two.__globals__["__file__"]


def test_definitions_of_one_folder_share_its_modules(write: Write) -> None:
    folder = write(authors="def say(_): pass\n")

    assert find(folder, "authors:say") is find(folder, "authors:say")


def test_a_module_that_was_changed_is_imported_anew_with_what_it_imports(write: Write) -> None:
    text = "from sibling import NAME\ndef say(_): return NAME\n"
    before = find(write(authors=text, sibling="NAME = 'Ada'\n"), "authors:say")
    after = find(write(sibling="NAME = 'Bob'\n"), "authors:say")

    assert (before("x"), after("x")) == ("Ada", "Bob")


def test_a_module_that_can_not_be_imported_any_more_takes_nothing_away(write: Write) -> None:
    folder = write(authors="def say(_):\n    from sibling import NAME\n    return NAME\n", sibling="NAME = 'Ada'\n")
    say = find(folder, "authors:say")
    assert say("x") == "Ada"

    write(authors="def say(:\n")
    with pytest.raises(ValueError, match="SyntaxError"):
        find(folder, "authors:say")

    assert say("x") == "Ada"


def test_nothing_is_written_beside_the_definition(write: Write) -> None:
    folder = write(authors="def say(_): pass\n")
    find(folder, "authors:say")

    assert [path.name for path in folder.iterdir()] == ["authors.py"]


def test_a_file_takes_the_place_of_no_module_that_is_installed(write: Write) -> None:
    folder = write(calendar="def say(_): pass\n")

    with pytest.raises(ValueError, match=r"another module has this name \(.*\), rename the one beside"):
        find(folder, "calendar:say")


MODULES = {
    "authors": "size = 3\ndef say(_): pass\n",
    "broken": "raise RuntimeError('no database')\n",
    "leaving": "raise SystemExit(1)\n",
    "unfinished": "def f(:\n",
}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("authors", "write `package.module:function`"),
        ("authors:", "write `package.module:function`"),
        ("authors code:say", "write `package.module:function`"),
        ("../authors:say", "write `package.module:function`"),
        ("authors:say()", "write `package.module:function`"),
        ("nowhere:say", "there is no callable `nowhere:say`: No module named 'nowhere'"),
        ("authors.inner:say", "'authors' is not a package"),
        ("authors:nothing", "has no attribute 'nothing'"),
        ("authors:size", "`authors:size` is not callable"),
        ("broken:f", "`broken` can not be imported: RuntimeError: no database"),
        ("leaving:f", "`leaving` can not be imported: SystemExit: 1"),
        ("unfinished:f", "`unfinished` can not be imported: SyntaxError"),
    ],
)
def test_code_that_is_not_there_is_refused_with_the_cause(write: Write, name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("(", r"\(")):
        find(write(**MODULES), name)


@pytest.mark.parametrize(
    ("parameters", "takes", "problem"),
    [
        ("value: str, known: 'Any'", (str, ValidationScope), ""),
        ("value: object, *rest", (date, ValidationScope), ""),
        ("value: float, known=None", (int, ValidationScope), ""),
        ("value: str | None, known", (str, ValidationScope), ""),
        ("value: Unknown, known", (str, ValidationScope), ""),
        ("value", (str, ValidationScope), r"can not be called \(too many .*: it is called with a `str` and a `Vali"),
        ("", (str,), r"can not be called \(too many .*: it is called with a `str`"),
        ("value, known, *, more", (str, ValidationScope), "missing a required (keyword-only )?argument: 'more'"),
        ("value: int, known", (str, ValidationScope), "takes a `int` as `value`: it is called with a `str`"),
        ("value: str, known: int", (str, ValidationScope), "takes a `int` as `known`"),
    ],
)
def test_code_that_can_not_take_what_it_is_given_is_refused(
    write: Write, parameters: str, takes: Sequence[type], problem: str
) -> None:
    folder = write(authors=f"from __future__ import annotations\ndef f({parameters}): pass\n")

    if not problem:
        assert find(folder, "authors:f", *takes).__name__ == "f"
        return
    with pytest.raises(ValueError, match=problem):
        find(folder, "authors:f", *takes)


def test_a_definition_that_is_loaded_or_checked_finds_its_code(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = write(rules="def even(value: int, known): return 'It is odd.' if value % 2 else None\n")
    text = "assistant: a\nslots: {n: {type: integer, validate: 'rules:even'}}\n"
    text += "flows: {f: {states: {s: {collect: [n], next: t}, t: {say: Bye.}}}}\n"
    monkeypatch.chdir(tmp_path)
    path = definition(Path("one"), text)

    assert check_definition(path) == []
    assert callable(load_assistant(path).slots.definitions["n"].validators[0])

    write(rules="def even(value: str, known): pass\n")
    with pytest.raises(InvalidDefinition, match=r"assistant.yaml:2:28: slots.n.validate.0: `rules:even` takes a `str`"):
        load_assistant(definition(folder, text))
