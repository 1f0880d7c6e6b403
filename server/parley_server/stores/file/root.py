"""The directory itself that sessions are in: what it is, its secret, and whether it is still there.

Everything here blocks, and belongs in a store's threads. This module must not know what a session is.
"""

import fcntl
import secrets
from pathlib import Path
from zlib import crc32

from parley_server.errors import InvalidSettings, StoreUnavailable
from parley_server.stores.disk import replace_file
from parley_server.stores.mounts import refuse_network

FORMAT = b"parley sessions 2\n"
_UNFINISHED = {".lock", "secret", "secret.new", "sessions", "format.new"}
"""What a directory may hold whose making was cut short."""
_SECRET_BYTES = 32


class Root:
    """A directory of sessions. May be used by several threads."""

    def __init__(self, path: Path) -> None:
        """Makes the directory if it is not there, and opens it.

        Raises:
            InvalidSettings: It is not a directory of sessions, or one of another version of parley, or another host's.
            OSError: It can not be used.
        """
        self.path = path.absolute()
        refuse_network(self.path)
        self._prepare()
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)

    def check(self) -> None:
        """Returns if the directory is still the one that was opened.

        Raises:
            StoreUnavailable: It is another one.
            OSError: It is not there.
        """
        status = self.path.stat()
        if (status.st_dev, status.st_ino) != self._identity:
            raise StoreUnavailable("the directory of sessions is another one")

    def secret(self) -> bytes:
        """The random bytes that were made with the directory.

        Raises:
            StoreUnavailable: They are damaged.
            OSError: They can not be read.
        """
        kept = (self.path / "secret").read_bytes()
        if kept != _checked(kept[:_SECRET_BYTES]):
            raise StoreUnavailable("the secret of the directory of sessions is damaged: put its file back")
        return kept[:_SECRET_BYTES]

    def _prepare(self) -> None:
        self.path.mkdir(mode=0o700, exist_ok=True)
        with (self.path / ".lock").open("wb") as gate:
            # Two processes may find the directory empty at once.
            fcntl.flock(gate, fcntl.LOCK_EX)
            if not (self.path / "format").exists():
                if {entry.name for entry in self.path.iterdir()} - _UNFINISHED:
                    raise InvalidSettings(f"{self.path}: this directory is another program's")
                (self.path / "sessions").mkdir(mode=0o700, exist_ok=True)
                replace_file(self.path / "secret", [_checked(secrets.token_bytes(_SECRET_BYTES))])
                # The last one, so that a start that was cut short is begun again.
                replace_file(self.path / "format", [FORMAT])
        if (self.path / "format").read_bytes() != FORMAT:
            raise InvalidSettings(f"{self.path}: written by another version of parley")


def _checked(secret: bytes) -> bytes:
    """The secret as it is kept: with a checksum, since by another one requests would reach other sessions."""
    return secret + crc32(secret).to_bytes(4, "big")
