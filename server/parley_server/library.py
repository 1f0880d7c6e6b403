"""The library: the files of a server's assistants, read again when they change.

A file that has become defective never replaces what is loaded: its defects go to the log, and the last good version
stays.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from parley_server.assistants.loading import load_assistant
from parley_server.errors import InvalidDefinition
from parley_server.service.catalogue import Catalogue

logger = logging.getLogger(__name__)


class Library:
    """The definitions of a server, and the catalogue of what was made of them."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Loads every file.

        Raises:
            InvalidDefinition: A file has defects.
            InvalidSettings: Two assistants have the same name.
        """
        self._seen = {file: _stamp(file) for file in files}
        self.catalogue = Catalogue([load_assistant(file) for file in files])

    def refresh(self) -> None:
        """Reads again the files that have changed since they were read last. Blocks on the disk."""
        for file, seen in self._seen.items():
            stamp = _stamp(file)
            if stamp == seen:
                continue
            self._seen[file] = stamp
            try:
                assistant = load_assistant(file)
            except InvalidDefinition as error:
                logger.error("%s was changed and is not loaded:\n%s", file, error)  # noqa: TRY400  # an author's mistake
            else:
                if self.catalogue.add(assistant):
                    logger.info("loaded version %s of %s", assistant.version, assistant.name)


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
