"""`parley check`: what is wrong with definitions, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from parley_server.assistants.checking.check import check_definition
from parley_server.assistants.checking.findings import Finding, Severity

_COLOUR = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def check_files(files: Sequence[Path], *, as_json: bool) -> bool:
    """Prints the findings of all the files; False: there is an error among them."""
    findings = [found for file in files for found in check_definition(file)]
    if as_json:
        click.echo(json.dumps([asdict(found) for found in findings], indent=2, ensure_ascii=False))
    else:
        _print(findings, len(files))
    return all(found.severity is not Severity.ERROR for found in findings)


def _print(findings: Sequence[Finding], files: int) -> None:
    for found in findings:
        place, severity, message = str(found).partition(f" {found.severity}: ")
        click.echo(f"{place}{click.style(severity, fg=_COLOUR[found.severity])}{message}")
    counts = [_counted(sum(found.severity is kind for found in findings), kind) for kind in Severity]
    click.echo(f"{_counted(files, 'file')}: {', '.join(counts)}", err=True)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
