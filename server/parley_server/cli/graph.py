"""`parley graph`: a picture of the flows of a definition."""

from pathlib import Path

import click

from parley_server.assistants.chart import Chart
from parley_server.assistants.coverage import read_coverage
from parley_server.assistants.graphing.dot import draw_svg
from parley_server.assistants.graphing.mermaid import draw_mermaid
from parley_server.assistants.loading import load_assistant
from parley_server.extras import how_to_install


def draw(file: Path, *, form: str, output: Path | None, coverage_file: Path | None) -> None:
    """Draws a definition to a file or to the standard output.

    Raises:
        InvalidDefinition: The definition has defects, or the coverage is none of it.
        ClickException: The layout engine is not installed, or the picture can not be written.
    """
    chart = Chart(load_assistant(file))
    coverage = read_coverage(coverage_file, chart.assistant.name) if coverage_file else None
    try:
        picture = draw_svg(chart, coverage) if form == "svg" else draw_mermaid(chart, coverage)
    except ModuleNotFoundError as error:
        text = f"SVG needs one more package ({error.name}), and `--format mermaid` none: {how_to_install('graph')}"
        raise click.ClickException(text) from error
    if output is None:
        click.echo(picture, nl=False)
        return
    try:
        output.write_text(picture)
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error
