"""The file of one session.

Everything here blocks, and belongs in a store's thread. This module must not know leases, names of files or the time.
"""

import os

from parley_server.stores.disk import Unsynced
from parley_server.stores.file.frames import (
    END,
    FOOTER,
    KNOWN_REQUESTS,
    Frame,
    Header,
    pack_frame,
    request_mark,
    unpack_frame,
)
from parley_server.stores.holds import Unreadable
from parley_server.stores.protocol import TurnRecord

_LEAST_WASTE = 256 * 1024
_MOST_WASTE = 4
"""How many times what is of use."""


class SessionLog:
    """A session's file that is open and locked."""

    def __init__(self, descriptor: int, digest: bytes) -> None:
        self._descriptor = descriptor
        self._digest = digest

    def last(self) -> Frame:
        """The last turn. A frame whose writing was cut off does not count.

        Raises:
            Unreadable: It is damaged, or there is none: the first one comes with its file.
        """
        size = os.fstat(self._descriptor).st_size
        if size < FOOTER.size:
            raise Unreadable("the file has been emptied")
        length, end = FOOTER.unpack(os.pread(self._descriptor, FOOTER.size, size - FOOTER.size))
        if end == END and length <= size:
            return self.frame(size - length)
        last = self._last_whole(size)
        if last is None:
            raise Unreadable("the file ends inside its first turn")
        return last

    def frame(self, offset: int) -> Frame:
        """The frame that begins at an offset.

        Raises:
            Unreadable: It is damaged.
        """
        header = self._header(offset)
        return unpack_frame(offset, header, os.pread(self._descriptor, header.body_bytes, offset + Header.SIZE))

    def turn(self, last: Frame, turn: int) -> Frame:
        """The frame of a turn.

        Raises:
            Unreadable: It is damaged, or one that leads to it.
        """
        offset, header = last.offset, last.header
        while header.turn != turn:
            offset = header.jump if header.jump_turn >= turn else header.previous
            header = self._header(offset)
        return self.frame(offset)

    def recent(self, last: Frame, count: int) -> tuple[TurnRecord, ...]:
        """The last records, in order.

        Raises:
            Unreadable: One of them is damaged.
        """
        frames = [last] if count else []
        while len(frames) < min(count, last.header.turn):
            frames.append(self.frame(frames[-1].header.previous))
        return tuple(_record(frame) for frame in reversed(frames))

    def page(self, last: Frame, *, after: int, page_bytes: int) -> tuple[TurnRecord, ...]:
        """The records after a turn, until there are `page_bytes` of them.

        Raises:
            Unreadable: One of them is damaged.
        """
        if after >= last.header.turn:
            return ()
        frame = self.turn(last, after + 1)
        page = [_record(frame)]
        room = page_bytes - len(frame.data)
        while frame.header.turn < last.header.turn:
            frame = self.frame(frame.end)
            if frame.header.turn != page[-1].turn + 1:
                raise Unreadable(f"turn {page[-1].turn + 1} is missing")
            room -= len(frame.data)
            if room < 0:
                break
            page.append(_record(frame))
        return tuple(page)

    def repeat(self, last: Frame, request_id: str) -> TurnRecord | None:
        """The record that has the request_id, if it is among the last.

        Raises:
            Unreadable: It is damaged.
        """
        if not request_id:
            return None
        for turn in last.turns_that_may_have(request_id):
            frame = self.turn(last, turn)
            if frame.request_id == request_id:
                return _record(frame)
        return None

    def append(self, last: Frame, record: TurnRecord, *, snapshot: bytes, expires_at: int) -> bool:
        """Writes a turn after the last one, and waits until it is on the disk.

        Returns:
            Whether the file has now so much that is of no use that it is better written anew. If that is not done, it
            is said again when there is as much again.

        Raises:
            OSError: It can not be written, and nothing of it is there.
            Unsynced: It was written, and cut off again, and the disk may have it all the same.
        """
        jump, jump_turn = self._jump(last)
        before, waste = last.header.waste, last.header.waste + last.passing_bytes
        frame = pack_frame(
            Header(
                incarnation=last.header.incarnation,
                turn=record.turn,
                previous=last.offset,
                jump=jump,
                jump_turn=jump_turn,
                waste=waste,
                expires_at=expires_at,
            ),
            self._digest,
            requests=(request_mark(last.request_id), *last.requests)[:KNOWN_REQUESTS],
            request_id=record.request_id,
            snapshot=snapshot,
            data=record.data,
        )
        self._write(last.end, frame)
        most = _most_waste(last.end + len(frame) - waste)
        return before // most < waste // most

    def wasteful(self, last: Frame) -> bool:
        """Whether the file has so much that is of no use that it is better written anew."""
        return last.header.waste >= _most_waste(last.end - last.header.waste)

    def cut(self, offset: int) -> None:
        """Removes everything from an offset on."""
        os.ftruncate(self._descriptor, offset)

    def _header(self, offset: int) -> Header:
        packed = os.pread(self._descriptor, Header.SIZE, offset)
        if len(packed) < Header.SIZE:
            raise Unreadable("the file ends in the middle")
        return Header.unpack(self._digest, packed)

    def _last_whole(self, size: int) -> Frame | None:
        """Looks for the last whole frame from the beginning: the last write was cut off, or the file is damaged.

        After a loss of power, a file may be as long as a frame that was not written to its end; zeros then follow.
        """
        frame = None
        offset = 0
        while size - offset >= Header.SIZE:
            try:
                header = self._header(offset)
            except Unreadable:
                if self._blank_from(offset + Header.SIZE, size):
                    break
                raise
            end = offset + header.frame_bytes
            footer = os.pread(self._descriptor, FOOTER.size, end - FOOTER.size)
            expected = FOOTER.pack(header.frame_bytes, END)
            if end > size or (footer != expected and expected.startswith(footer.rstrip(b"\0"))):
                break
            if footer != expected:
                raise Unreadable(f"the end of turn {header.turn} is damaged")
            frame = self.frame(offset)
            offset = end
        return frame

    def _blank_from(self, offset: int, size: int) -> bool:
        return not os.pread(self._descriptor, size - offset, offset).strip(b"\0")

    def _jump(self, last: Frame) -> tuple[int, int]:
        """Where the next frame is to point, besides to the last one."""
        header = last.header
        if header.jump_turn:
            target = self._header(header.jump)
            if header.turn - header.jump_turn == header.jump_turn - target.jump_turn:
                return target.jump, target.jump_turn
        return last.offset, header.turn

    def _write(self, offset: int, data: bytes) -> None:
        flushing = False
        try:
            os.ftruncate(self._descriptor, offset)
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], offset + written)
            flushing = True
            os.fsync(self._descriptor)
        except OSError as error:
            # After a failed flush the system may call the next one good, and the data be lost: it is not tried again.
            try:
                self.cut(offset)
            except OSError:
                flushing = True
            if flushing:
                raise Unsynced from error
            raise


def _most_waste(useful: int) -> int:
    return max(_MOST_WASTE * useful, _LEAST_WASTE)


def _record(frame: Frame) -> TurnRecord:
    return TurnRecord(frame.header.turn, frame.request_id, frame.data)
