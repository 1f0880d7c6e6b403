"""The library: the files of a server's assistants, read again when they change.

A file that has become defective never replaces what is loaded: its defects go to the log, and the last good version
stays. Code is no part of a version: when it alone has changed, it takes the place of what it was.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from parley_server.assistants.callables import files_of
from parley_server.assistants.loading import load_assistant
from parley_server.core.assistant import Assistant
from parley_server.errors import InvalidDefinition
from parley_server.service.catalogue import Catalogue

logger = logging.getLogger(__name__)


class Library:
    """The definitions of a server, and the catalogue of what was made of them."""

    def __init__(self, files: Sequence[Path], assistants: Sequence[Assistant] = ()) -> None:
        """Loads every file; assistants that were made in Python come after them.

        Raises:
            InvalidDefinition: A file has defects.
            InvalidSettings: Two assistants have the same name.
        """
        self.catalogue = Catalogue([*(load_assistant(file) for file in files), *assistants])
        self._seen = {file: _stamps(file) for file in files}
        self._refreshing = Lock()

    def refresh(self, *, everything: bool = False) -> None:
        """Reads again the definitions that have changed since they were read last, or whose code has; or all of them.

        Blocks on the disk.
        """
        with self._refreshing:
            for file, seen in self._seen.items():
                stamps = _stamps(file)
                if everything or stamps != seen:
                    self._load(file)
                    # It may use other code now; a file that was changed meanwhile is to be found changed.
                    known = _stamps(file)
                    self._seen[file] = stamps if stamps.keys() == known.keys() else known

    def _load(self, file: Path) -> None:
        try:
            assistant = load_assistant(file)
        except InvalidDefinition as error:
            logger.error("%s is not loaded:\n%s", file, error)  # noqa: TRY400  # an author's mistake
        else:
            self.catalogue.add(assistant)
            logger.info("loaded version %s of %s", assistant.version, assistant.name)


def _stamps(file: Path) -> Mapping[Path, tuple[int, int, int]]:
    """What tells a definition, and the code beside it, from what they were before."""
    return {one: _stamp(one) for one in (file, *files_of(file.parent))}


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
