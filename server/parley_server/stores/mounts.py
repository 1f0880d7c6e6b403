"""Which file system a path is on: stores that several processes lock and flush need one of this host's own.

This module must not know the stores.
"""

import re
from pathlib import Path

from parley_server.errors import InvalidSettings

_TABLE = Path("/proc/self/mountinfo")
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3",
    "smbfs", "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.mount-s3",
    "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
}  # fmt: skip
_ESCAPED = re.compile(r"\\([0-7]{3})")


def refuse_network(path: Path) -> None:
    """Returns if the path is on a file system of this host, or if the system does not tell.

    Raises:
        InvalidSettings: It is on another host's, where a lock or a flush may not be what it says.
    """
    try:
        table = _TABLE.read_text(errors="surrogateescape")
    except OSError:
        # Only Linux has it.
        return
    kind = file_system(table, path.resolve())
    if kind in _NETWORK:
        raise InvalidSettings(
            f"{path} is on a network file system ({kind}), which does not lock and flush as sessions need it: "
            "use a local disk, or Redis to share sessions among hosts"
        )


def file_system(table: str, path: Path) -> str:
    """The type of the file system that a path is on.

    Args:
        table: What is mounted, in the form of `/proc/self/mountinfo`: see `man 5 proc_pid_mountinfo`.
        path: An absolute path without links.

    Returns:
        The type as the table has it; empty if nothing is mounted there.
    """
    found, depth = "", 0
    for line in filter(None, table.split("\n")):
        place, _, source = line.partition(" - ")
        mount = Path(_ESCAPED.sub(lambda escaped: chr(int(escaped[1], 8)), place.split(" ")[4]))
        # Of those that are mounted in the same place the last one hides the others.
        if len(mount.parts) >= depth and path.is_relative_to(mount):
            found, depth = source.partition(" ")[0], len(mount.parts)
    return found
