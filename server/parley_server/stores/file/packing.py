"""A session's file, written anew without what is of no use while turns are still appended to it.

The frames before the last one never change, so that they are copied while nobody waits; only what has come meanwhile is
copied under the file's lock.

Everything here blocks, and belongs in a store's threads. This module must not know leases, names of files or the time.
"""

from array import array
from collections.abc import Iterator
from dataclasses import replace

from parley_server.stores.file.frames import Frame, pack_frame
from parley_server.stores.file.log import SessionLog
from parley_server.stores.holds import Unreadable


class Packing:
    """The frames of a log as they stand in its new file, from the first one on."""

    def __init__(self, log: SessionLog, digest: bytes) -> None:
        self._log = log
        self._digest = digest
        self._old = self._new = 0
        # Where the frame of each turn begins in the new file; there is no turn 0.
        self._places = array("Q", [0])

    def before(self, last: Frame) -> Iterator[bytes]:
        """The frames before a turn that come next.

        Raises:
            Unreadable: One of them is damaged.
        """
        while self._old < last.offset:
            yield self._packed(self._log.frame(self._old), last=False)

    def last(self, last: Frame) -> bytes:
        """The last frame, which keeps everything."""
        return self._packed(last, last=True)

    def _packed(self, frame: Frame, *, last: bool) -> bytes:
        header = frame.header
        if header.turn != len(self._places):
            raise Unreadable(f"turn {len(self._places)} is missing")
        packed = pack_frame(
            replace(header, previous=self._places[-1], jump=self._places[header.jump_turn], waste=0),
            self._digest,
            requests=frame.requests if last else (),
            request_id=frame.request_id,
            snapshot=frame.snapshot if last else b"",
            data=frame.data,
        )
        self._places.append(self._new)
        self._old, self._new = frame.end, self._new + len(packed)
        return packed
