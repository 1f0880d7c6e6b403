"""Findings: what a check says of a definition, and where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from parley_server.assistants.parts import Path

_LINE = re.compile(
    r"(?P<file>[^:]*)(?::(?P<line>\d+):(?P<column>\d+))?: (?:(?P<where>[^\s:]+): )?(?P<message>.*)", re.DOTALL
)


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The assistant is not loaded, or some conversation goes wrong for certain."""
    WARNING = "warning"
    """Some conversation may go wrong, or a part of the definition is of no use."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a part of a definition."""

    place: Path
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, and where its author finds it."""

    file: str
    line: int
    """From 1; 0 where the whole file is meant."""
    column: int
    where: str
    """The keys from the root, with dots between them; empty for the whole file."""
    message: str
    severity: Severity

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        where = f"{self.where}: " if self.where else ""
        return f"{place}: {self.severity}: {where}{self.message}"


def finding(file: str, defect: str, severity: Severity = Severity.ERROR) -> Finding:
    """Makes a finding of a defect's line, as `Source.defect` writes it.

    Args:
        file: The file's name for the reader.
        defect: The line.
        severity: How bad it is.
    """
    found = _LINE.fullmatch(defect)
    parts = found.groupdict() if found else {"message": defect}
    return Finding(
        file=file,
        line=int(parts.get("line") or 0),
        column=int(parts.get("column") or 0),
        where=parts.get("where") or "",
        message=parts["message"] or "",
        severity=severity,
    )


def listed(names: Sequence[object]) -> str:
    """Names in a sentence: `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
