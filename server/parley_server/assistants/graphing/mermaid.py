"""Pictures by Mermaid: a text that other programs draw, such as those that show Markdown."""

from collections.abc import Iterator

from parley_server.assistants.chart import Chart, WayKind
from parley_server.assistants.coverage import Coverage
from parley_server.assistants.graphing.lines import lines
from parley_server.core.context import Frame

_ARROW = {
    WayKind.ON: "-->",
    WayKind.NEXT: "==>",
    WayKind.CALL: "-.->",
    WayKind.LINK: "==>",
    WayKind.EXPIRED: "-.->",
    WayKind.HANDOFF: "-->",
}
_CLASSES = """\
  classDef form fill:#dbeafe,stroke:#3b6fb5
  classDef covered fill:#dcf5e6,stroke:#1a7f4b
  classDef missed fill:#fde7e4,stroke:#c0362c"""


def draw_mermaid(chart: Chart, coverage: Coverage | None = None) -> str:
    """Describes the picture of a chart in Mermaid's language.

    Args:
        chart: The chart.
        coverage: What conversations went through, to be coloured; None: nothing is.
    """
    return "\n".join(["flowchart TB", *_boxes(chart, coverage), *_arrows(chart, coverage), _CLASSES]) + "\n"


def _boxes(chart: Chart, coverage: Coverage | None) -> Iterator[str]:
    for machine in chart.assistant.machines:
        yield f'  subgraph m_{machine}["{_text(machine)}"]'
        yield f"    begin_{machine}(( ))"
        for frame, state in chart.states.items():
            if frame.flow != machine:
                continue
            form = f"<br/><small>{_text(', '.join(state.form.slots))}</small>" if state.form else ""
            box = f'(["{_text(frame.state)}{form}"])' if state.final else f'("{_text(frame.state)}{form}")'
            kind = "form" if state.form else ""
            if coverage:
                kind = "covered" if coverage.has_state(frame) else "missed"
            yield f"    {_name(frame)}{box}{f':::{kind}' if kind else ''}"
        if any(frame.flow == machine for frame in chart.handing_off):
            yield f"    h_{machine}[/a colleague/]"
        yield "  end"


def _arrows(chart: Chart, coverage: Coverage | None) -> Iterator[str]:
    for machine in chart.assistant.machines:
        yield f"  begin_{machine} --> {_name(chart.initial(machine))}"
    coloured = []
    first = len(chart.assistant.machines)
    for index, line in enumerate(lines(chart, coverage), start=first):
        label = f'|"{"<br/>".join(map(_text, line.label))}"|' if line.label else ""
        target = f"h_{line.origin.flow}" if line.kind is WayKind.HANDOFF else _name(line.target)
        yield f"  {_name(line.origin)} {_ARROW[line.kind]}{label} {target}"
        if line.covered is not None:
            coloured.append(f"  linkStyle {index} stroke:{'#1a7f4b' if line.covered else '#c0362c'}")
    yield from coloured
    for frame in chart.handing_off:
        if chart.states[frame].handoff:
            yield f"  {_name(frame)} --> h_{frame.flow}"
    for entrance in chart.entrances:
        door = f'd_{entrance.opener}_{entrance.name}>"{entrance.opener} {_text(entrance.name)}"]'
        yield f"  {door} {'-.->' if entrance.calls else '-->'} {_name(entrance.target)}"


def _name(frame: Frame) -> str:
    # A prefix keeps Mermaid's own words, such as `end`, apart.
    return f"s_{frame.flow}__{frame.state}"


def _text(text: str) -> str:
    """A text in which nothing has a meaning for Mermaid."""
    return "".join(c if c.isalnum() or c in " ,._()/=" else f"#{ord(c)};" for c in text)
