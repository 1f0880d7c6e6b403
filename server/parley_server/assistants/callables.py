"""Callables: an author's Python functions, named `package.module:function` in a definition.

A module is looked for where Python looks, and then in the folder of the definition, so that a file beside it is found
wherever the server was started, and can not take the place of a module that is installed. Modules of different folders
do not see each other, even under one name. A module of such a folder is imported anew with the definition when one of
them has changed; functions that were found before keep the module that they came from.
"""

import importlib
import inspect
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

_lock = threading.RLock()
_modules: dict[Path, Mapping[str, ModuleType]] = {}
"""The modules that were imported from the folders of definitions."""
_stamps: dict[Path, Mapping[str, int]] = {}
"""When the files of these modules were changed last."""


def names_callable(text: str) -> bool:
    """Whether a text has the form `package.module:function`."""
    return _NAME.fullmatch(text) is not None


def find_callable(name: str, takes: Sequence[type], folder: Path | None = None) -> Callable[..., Any]:
    """Imports a function.

    Args:
        name: `package.module:function`.
        takes: The types of the arguments that it is called with.
        folder: The folder of the definition, while `importing_from` lasts.

    Raises:
        ValueError: The name is malformed, there is no such function, its module fails, or it takes other arguments.
    """
    if not names_callable(name):
        raise ValueError(f"`{name}` is no callable: write `package.module:function`")
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
        if folder:
            _check_home(module_name, module, folder)
        found = getattr(module, attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no callable `{name}`: {error}") from error
    except (Exception, SystemExit) as error:  # An author's module may raise anything when it is imported.
        raise ValueError(f"`{module_name}` can not be imported: {type(error).__name__}: {error}") from error
    if callable(found):
        function: Callable[..., Any] = found
        _check_arguments(name, function, takes)
        return function
    raise ValueError(f"`{name}` is not callable")


def _check_arguments(name: str, function: Callable[..., Any], takes: Sequence[type]) -> None:
    wanted = "it is called with " + " and ".join(f"a `{kind.__name__}`" for kind in takes)
    try:
        bound = inspect.signature(function).bind(*takes)
    except TypeError as error:
        raise ValueError(f"`{name}` can not be called ({error}): {wanted}") from error
    except ValueError:
        return  # It does not say what it takes.
    try:
        hints = get_type_hints(function)
    except (TypeError, NameError, AttributeError):
        return
    for parameter, kind in bound.arguments.items():
        hint = hints.get(parameter)
        if isinstance(hint, type) and not issubclass(kind, hint) and (kind, hint) != (int, float):
            raise ValueError(f"`{name}` takes a `{hint.__name__}` as `{parameter}`: {wanted}")


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """While it lasts, modules of a folder can be imported; if it fails, those that were imported before stay."""
    folder = folder.resolve()
    with _lock:
        paths, writes, ours = [*sys.path], sys.dont_write_bytecode, _ours()
        for name in ours:
            del sys.modules[name]
        known = {*sys.modules}
        if _unchanged(folder):
            sys.modules.update(_modules[folder])
        others = [str(other) for other in _modules if other != folder]
        sys.path[:] = [*(path for path in paths if path not in (*others, str(folder))), str(folder), *others]
        # What is cached of a module is told from its source by the second and the size alone.
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        try:
            yield
        except BaseException:
            for name in _imported(folder, known):
                del sys.modules[name]
            sys.modules.update(ours)
            sys.path[:] = paths
            raise
        else:
            _keep(folder, _imported(folder, known))
            # What functions of other folders import late is to be found.
            for imported in _modules.values():
                sys.modules.update({name: module for name, module in imported.items() if name not in sys.modules})
        finally:
            sys.dont_write_bytecode = writes


def files_of(folder: Path) -> Sequence[Path]:
    """The files of the modules that were imported from a folder."""
    return [Path(file) for file in _stamps.get(folder.resolve(), {})]


def _keep(folder: Path, imported: Mapping[str, ModuleType]) -> None:
    _modules[folder] = imported
    files = [module.__file__ for module in imported.values() if module.__file__]
    _stamps[folder] = {file: _changed_at(file) for file in files}


def _imported(folder: Path, known: Collection[str]) -> dict[str, ModuleType]:
    """The modules of a folder that are imported and were not before."""
    return {name: module for name, module in sys.modules.items() if name not in known and _home(name) == folder}


def _unchanged(folder: Path) -> bool:
    return folder in _modules and all(_changed_at(file) == stamp for file, stamp in _stamps[folder].items())


def _changed_at(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except OSError:
        return 0


def _ours() -> dict[str, ModuleType]:
    """The modules of all folders that can be imported just now."""
    ours = {id(module) for imported in _modules.values() for module in imported.values()}
    return {name: module for name, module in sys.modules.items() if id(module) in ours}


def _home(name: str) -> Path | None:
    """The folder in which a module, or the package that it is in, was found."""
    file = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
    if not file:
        return None
    path = Path(file).resolve()
    return path.parent.parent if path.name == "__init__.py" else path.parent


def _check_home(name: str, module: ModuleType, folder: Path) -> None:
    """Refuses a module that is another one than the file of its name in the folder."""
    top = folder.resolve() / name.partition(".")[0]
    beside = top.with_suffix(".py").exists() or (top / "__init__.py").exists()
    if beside and _home(name) != folder.resolve():
        file = getattr(module, "__file__", None) or "part of Python"
        raise ImportError(f"another module has this name ({file}), rename the one beside the definition")
