"""JUnit XML: the outcomes of scripts, for continuous integration to show."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from parley_server.assistants.rehearsal.playing import Outcome
from parley_server.assistants.rehearsal.script import Script


def write_junit(path: Path, rehearsed: Iterable[tuple[Script, Sequence[Outcome], Sequence[str]]]) -> None:
    """Writes a suite for each script, with a case for each conversation.

    Args:
        path: The file.
        rehearsed: The scripts, how their conversations went, and what is to be said of each one: empty if it went well.
    """
    suites = ET.Element("testsuites", name="parley test")
    for script, outcomes, reports in rehearsed:
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=script.file,
            tests=str(len(outcomes)),
            failures=str(sum(bool(report) for report in reports)),
            errors="0",
            time=_seconds(sum((outcome.taken for outcome in outcomes), timedelta())),
        )
        for outcome, report in zip(outcomes, reports, strict=True):
            name = _printable(outcome.conversation)
            case = ET.SubElement(suite, "testcase", classname=script.file, name=name, time=_seconds(outcome.taken))
            if report:
                message, _, details = _printable(report).partition("\n")
                ET.SubElement(case, "failure", message=message).text = details
    ET.indent(suites)
    ET.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():.3f}"


def _printable(text: str) -> str:
    # XML has no way to write most control characters.
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)
