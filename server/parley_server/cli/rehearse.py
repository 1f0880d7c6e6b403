"""`parley test`: holds scripted conversations, and says what did not go as expected and what was never tried."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from parley_server.assistants.chart import Chart
from parley_server.assistants.coverage import Coverage, write_coverage
from parley_server.assistants.rehearsal.comparing import Mismatch
from parley_server.assistants.rehearsal.junit import write_junit
from parley_server.assistants.rehearsal.playing import Outcome, play_script
from parley_server.assistants.rehearsal.script import Script, load_script
from parley_server.core.effects import Steps
from parley_server.errors import InvalidDefinition
from parley_server.nlu.rules import RulesUnderstander
from parley_server.service.acting import carry_through

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Rehearsed:
    script: Script
    outcomes: Sequence[Outcome]

    def reports(self) -> Sequence[str]:
        """What is to be said of each conversation; empty if it went well."""
        return ["\n".join(_report(self.script, outcome)) for outcome in self.outcomes]


def rehearse_files(
    files: Sequence[Path], *, junit: Path | None, coverage_out: Path | None, coverage_min: float
) -> bool:
    """Holds the conversations of all the files and prints how they went; False: not as expected.

    Args:
        files: The scripts.
        junit: Where to write the outcomes as JUnit XML.
        coverage_out: Where to write the coverage as JSON.
        coverage_min: The least coverage of each assistant, in percent.

    Raises:
        InvalidDefinition: Scripts or definitions have defects, all of which it tells.
        ClickException: A file can not be written.
    """
    rehearsed = asyncio.run(_rehearse(_load(files)))
    for one in rehearsed:
        _print_outcomes(one)
    coverages, charts = _coverage(rehearsed)
    try:
        if junit:
            write_junit(junit, [(one.script, one.outcomes, one.reports()) for one in rehearsed])
        if coverage_out:
            write_coverage(coverage_out, coverages)
    except OSError as error:
        raise click.FileError(str(error.filename), error.strerror) from error
    enough = [_print_coverage(name, coverages[name], chart, coverage_min) for name, chart in charts.items()]
    failed = sum(outcome.failure is not None for one in rehearsed for outcome in one.outcomes)
    passed = sum(len(one.outcomes) for one in rehearsed) - failed
    click.secho(f"{passed} passed, {failed} failed", fg="red" if failed else "green")
    return not failed and all(enough)


def _load(files: Iterable[Path]) -> Sequence[Script]:
    scripts: list[Script] = []
    defects: list[str] = []
    for file in files:
        try:
            scripts.append(load_script(file))
        except InvalidDefinition as error:
            defects += error.defects
    if defects:
        raise InvalidDefinition(defects)
    return scripts


async def _rehearse(scripts: Sequence[Script]) -> Sequence[_Rehearsed]:
    understander = RulesUnderstander()

    async def take(course: Steps[_T]) -> _T:
        return await carry_through(course, understander)

    return [_Rehearsed(script, await play_script(script, take)) for script in scripts]


def _coverage(rehearsed: Iterable[_Rehearsed]) -> tuple[Mapping[str, Coverage], Mapping[str, Chart]]:
    """The coverage and the chart of each assistant, whatever the number of its scripts."""
    coverages: dict[str, Coverage] = {}
    charts: dict[str, Chart] = {}
    for one in rehearsed:
        name = one.script.assistant.name
        charts.setdefault(name, one.script.chart)
        for outcome in one.outcomes:
            coverages.setdefault(name, Coverage()).add(outcome.coverage)
    return coverages, charts


def _print_outcomes(rehearsed: _Rehearsed) -> None:
    click.secho(rehearsed.script.file, bold=True)
    for outcome, report in zip(rehearsed.outcomes, rehearsed.reports(), strict=True):
        mark = click.style("failed", fg="red") if report else click.style("passed", fg="green")
        click.echo(f"  {mark} {outcome.conversation}")
        if report:
            click.echo("\n".join(f"    {line}" for line in report.splitlines()))


def _report(script: Script, outcome: Outcome) -> Iterator[str]:
    failure = outcome.failure
    if failure is None:
        return
    yield f"{script.place(failure.place)}: turn {failure.number}, {failure.user!r}"
    if failure.error:
        yield f"  {failure.error}"
    for mismatch in failure.mismatches:
        yield f"  {script.place((*failure.place, *mismatch.key.split('.')))}: {mismatch.key}"
        yield from _difference(mismatch)


def _difference(mismatch: Mismatch) -> Iterator[str]:
    yield f"    expected: {mismatch.expected}"
    yield f"    found:    {mismatch.found}"
    if mismatch.key == "reply":
        pairs = zip(mismatch.expected, mismatch.found, strict=False)
        same = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
        length = min(len(mismatch.expected), len(mismatch.found)) if same is None else same
        yield " " * (len("    found:    ") + length) + "^"


def _print_coverage(name: str, coverage: Coverage, chart: Chart, least: float) -> bool:
    percent = coverage.percent(chart)
    enough = percent >= least
    click.secho(f"{name}: {percent:.0f} % of states and ways", fg=None if enough else "red")
    for missed in coverage.missed(chart):
        click.echo(f"  never: {missed}")
    if not enough:
        click.secho(f"  less than {least:g} %", fg="red")
    return enough
