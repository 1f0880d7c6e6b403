"""How one turn stands in a session's file.

A file is a row of frames, one a turn; it is made with the first one, whole, and grows at its end:

    header | requests | request_id | snapshot | data | footer

The header has a checksum of its own and says how long everything is; the footer says how long the frame is, so that the
last frame is found from the end of the file. Each frame points at the one before and at one further back, so that any
turn is found in logarithmically many steps, and lists marks of the 127 request_ids before its own. Opening a session
therefore reads one frame, however many there are.

Only the last frame's snapshot and marks are of use, besides those of the one before it while the last one is written.
Where the others have come to be most of the file, it is written anew without them.

This module must not do I/O.
"""

from dataclasses import dataclass, replace
from struct import Struct, pack, unpack_from
from typing import ClassVar
from zlib import crc32

from parley_server.stores.holds import Unreadable

MAGIC = b"PLY1"
END = b"end\n"
KNOWN_REQUESTS = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a frame says of itself."""

    LAYOUT: ClassVar = Struct(">4sIQQQQQQqIIII")
    SIZE: ClassVar = LAYOUT.size + 4

    body_checksum: int = 0
    incarnation: int
    """What tells the session from others of the same name, before it and after it."""
    turn: int
    previous: int
    """Where the frame of the turn before begins."""
    jump: int
    """Where the frame of the turn `jump_turn` begins."""
    jump_turn: int
    """A turn further back; 0: there is none."""
    waste: int
    """How many bytes the frames before have that are of no use now."""
    expires_at: int
    """In microseconds since 1970; -1: never."""
    requests: int = 0
    """How many marks there are of request_ids before."""
    request_id_bytes: int = 0
    snapshot_bytes: int = 0
    data_bytes: int = 0

    @property
    def body_bytes(self) -> int:
        """How long the frame is between header and footer."""
        return 4 * self.requests + self.request_id_bytes + self.snapshot_bytes + self.data_bytes

    @property
    def frame_bytes(self) -> int:
        """How long the frame is."""
        return self.SIZE + self.body_bytes + FOOTER.size

    def pack(self, digest: bytes) -> bytes:
        """Writes the header of a frame in the file of the session that has the digest."""
        fields = self.LAYOUT.pack(
            MAGIC, self.body_checksum, self.incarnation, self.turn, self.previous, self.jump, self.jump_turn,
            self.waste, self.expires_at, self.requests, self.request_id_bytes, self.snapshot_bytes, self.data_bytes,
        )  # fmt: skip
        return fields + _CHECKSUM.pack(crc32(fields, crc32(digest)))

    @classmethod
    def unpack(cls, digest: bytes, packed: bytes) -> "Header":
        """Reads the header of a frame.

        Raises:
            Unreadable: It is none, or another session's, or damaged.
        """
        fields = packed[: cls.LAYOUT.size]
        (checksum,) = _CHECKSUM.unpack_from(packed, cls.LAYOUT.size)
        if checksum != crc32(fields, crc32(digest)) or not fields.startswith(MAGIC):
            raise Unreadable("the header of a turn is damaged")
        (
            _, body_checksum, incarnation, turn, previous, jump, jump_turn,
            waste, expires_at, requests, request_id_bytes, snapshot_bytes, data_bytes,
        ) = cls.LAYOUT.unpack(fields)  # fmt: skip
        return cls(
            body_checksum=body_checksum,
            incarnation=incarnation,
            turn=turn,
            previous=previous,
            jump=jump,
            jump_turn=jump_turn,
            waste=waste,
            expires_at=expires_at,
            requests=requests,
            request_id_bytes=request_id_bytes,
            snapshot_bytes=snapshot_bytes,
            data_bytes=data_bytes,
        )


FOOTER = Struct(">I4s")
_CHECKSUM = Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One turn, and the snapshot that it left."""

    offset: int
    """Where it begins in the file."""
    header: Header
    requests: tuple[int, ...]
    """Marks of the request_ids of the turns before, the last one first."""
    request_id: str
    snapshot: bytes
    data: bytes

    @property
    def end(self) -> int:
        """Where the frame ends in the file."""
        return self.offset + self.header.frame_bytes

    @property
    def passing_bytes(self) -> int:
        """How much of the frame is of no use once another one follows."""
        return 4 * self.header.requests + self.header.snapshot_bytes

    def turns_that_may_have(self, request_id: str) -> list[int]:
        """The turns, the last one first, whose request_id has the same mark; most often that one turn or none."""
        mark = request_mark(request_id)
        before = [self.header.turn - 1 - place for place, found in enumerate(self.requests) if found == mark]
        return [self.header.turn, *before] if self.request_id == request_id else before


def request_mark(request_id: str) -> int:
    """A short sign of a request_id, which others may share."""
    return crc32(request_id.encode())


def pack_frame(
    header: Header, digest: bytes, *, requests: tuple[int, ...], request_id: str, snapshot: bytes, data: bytes
) -> bytes:
    """Writes a frame, in whose header everything is set but what follows from the rest."""
    name = request_id.encode()
    body = b"".join((pack(f">{len(requests)}I", *requests), name, snapshot, data))
    header = replace(
        header,
        body_checksum=crc32(body),
        requests=len(requests),
        request_id_bytes=len(name),
        snapshot_bytes=len(snapshot),
        data_bytes=len(data),
    )
    return header.pack(digest) + body + FOOTER.pack(header.frame_bytes, END)


def pack_first(
    digest: bytes, *, request_id: str, snapshot: bytes, data: bytes, incarnation: int, expires_at: int
) -> bytes:
    """Writes the frame that a session's file begins with."""
    header = Header(incarnation=incarnation, turn=1, previous=0, jump=0, jump_turn=0, waste=0, expires_at=expires_at)
    return pack_frame(header, digest, requests=(), request_id=request_id, snapshot=snapshot, data=data)


def unpack_frame(offset: int, header: Header, body: bytes) -> Frame:
    """Reads what stands between header and footer.

    Raises:
        Unreadable: It is damaged.
    """
    if crc32(body) != header.body_checksum:
        raise Unreadable(f"turn {header.turn} is damaged")
    requests = unpack_from(f">{header.requests}I", body)
    rest = 4 * header.requests
    request_id = body[rest : rest + header.request_id_bytes].decode()
    rest += header.request_id_bytes
    snapshot = body[rest : rest + header.snapshot_bytes]
    return Frame(
        offset=offset,
        header=header,
        requests=requests,
        request_id=request_id,
        snapshot=snapshot,
        data=body[rest + header.snapshot_bytes :],
    )
