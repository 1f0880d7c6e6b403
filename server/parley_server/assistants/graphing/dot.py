"""Pictures by Graphviz: the flows as boxes within frames, laid out in layers, as SVG."""

from collections.abc import Iterator
from html import escape
from textwrap import wrap

from parley_server.assistants.chart import Chart, Entrance, WayKind
from parley_server.assistants.coverage import Coverage
from parley_server.assistants.graphing.lines import Line, lines
from parley_server.core.context import Frame

_INK, _SOFT, _COVERED, _MISSED = "#1f2a37", "#64748b", "#1a7f4b", "#c0362c"
_FORM_WIDTH = 34
"""How many letters of the names of a form's slots stand on one line."""
_STYLE = {
    WayKind.ON: f'color="{_SOFT}"',
    WayKind.NEXT: f'color="{_INK}" penwidth=1.5',
    WayKind.CALL: 'color="#7c4dbd" style=dashed arrowhead=vee',
    WayKind.LINK: 'color="#7c4dbd" penwidth=1.5',
    WayKind.EXPIRED: 'color="#a16207" style=dotted penwidth=1.5',
    WayKind.HANDOFF: 'color="#c08a2e"',
}
# With `newrank` the layers go through all frames, and lines between frames keep off their titles.
_HEAD = f"""\
digraph {{
  graph [rankdir=TB newrank=true nodesep=0.5 ranksep=0.5 pad=0.3 fontname="Helvetica" fontsize=15 fontcolor="{_INK}"]
  node [fontname="Helvetica" fontsize=13 fontcolor="{_INK}" shape=box style="rounded,filled" margin="0.16,0.09"]
  edge [fontname="Helvetica" fontsize=11 fontcolor="{_INK}" arrowsize=0.75]"""


def draw_svg(chart: Chart, coverage: Coverage | None = None) -> str:
    """Draws a chart as SVG.

    Args:
        chart: The chart.
        coverage: What conversations went through, to be coloured; None: nothing is.

    Raises:
        ModuleNotFoundError: The layout engine is not installed.
    """
    # Only who draws needs the engine.
    import pygraphviz  # noqa: PLC0415  # only who draws pays for it

    drawn: bytes = pygraphviz.AGraph(string=dot(chart, coverage)).draw(format="svg", prog="dot")
    return drawn.decode()


def dot(chart: Chart, coverage: Coverage | None = None) -> str:
    """Describes the picture of a chart in Graphviz' language."""
    return "\n".join([_HEAD, *_frames(chart, coverage), *_arrows(chart, coverage), *_doors(chart), "}"])


def _frames(chart: Chart, coverage: Coverage | None) -> Iterator[str]:
    for machine in chart.assistant.machines:
        aside = machine in chart.assistant.sub_conversations
        fill, pen = ("#f7f3fc", "#d9c8f0") if aside else ("#f4f7fb", "#cbd5e1")
        yield f"  subgraph {_quoted(f'cluster {machine}')} {{"
        yield f'    label=<<B>{_html(machine)}</B>> labeljust=l margin=18 style="rounded,filled" color="{pen}"'
        yield f'    fillcolor="{fill}"'
        # A dot leads to the state in which it begins.
        yield f'    {_quoted(f"begin {machine}")} [shape=circle label="" width=0.16 color="{_INK}" fillcolor="{_INK}"]'
        for frame in chart.states:
            if frame.flow == machine:
                yield f"    {_box(chart, frame, coverage)}"
        if any(frame.flow == machine for frame in chart.handing_off):
            yield f'    {_quoted(f"handoff {machine}")} [label="a colleague" color="#d6a85c" fillcolor="#fdf6e7"]'
        yield "  }"


def _box(chart: Chart, frame: Frame, coverage: Coverage | None) -> str:
    state = chart.states[frame]
    rows = [f"<B>{_html(frame.state)}</B>"]
    if state.phase:
        rows.append(_small(state.phase.value.replace("_", " ")))
    form = ", ".join(state.form.slots) if state.form else ""
    rows += [_small(row, ink=_INK) for row in wrap(form, _FORM_WIDTH)]
    fill, pen = ("#dbeafe", "#3b6fb5") if state.form else ("#ffffff", _SOFT)
    if coverage:
        fill, pen = ("#dcf5e6", _COVERED) if coverage.has_state(frame) else ("#fde7e4", _MISSED)
    border = "peripheries=2" if state.final else ""
    return f'{_quoted(frame)} [label=<{"<BR/>".join(rows)}> color="{pen}" fillcolor="{fill}" {border}]'


def _arrows(chart: Chart, coverage: Coverage | None) -> Iterator[str]:
    for machine in chart.assistant.machines:
        yield f'  {_quoted(f"begin {machine}")} -> {_quoted(chart.initial(machine))} [color="{_INK}"]'
    for line in lines(chart, coverage):
        target = f"handoff {line.origin.flow}" if line.kind is WayKind.HANDOFF else line.target
        yield f"  {_quoted(line.origin)} -> {_quoted(target)} [{_STYLE[line.kind]} {_label(line)}]"
    for frame in chart.handing_off:
        if chart.states[frame].handoff:
            yield f"  {_quoted(frame)} -> {_quoted(f'handoff {frame.flow}')} [{_STYLE[WayKind.HANDOFF]}]"


def _label(line: Line) -> str:
    # The spaces keep the label off its line.
    text = "<BR/>".join(f"&#160;{_html(row)}&#160;" for row in line.label)
    label = f"label=<{text}>" if text else ""
    if line.covered is None:
        return label
    colour = _COVERED if line.covered else _MISSED
    return f'{label} color="{colour}" fontcolor="{colour}"'


def _doors(chart: Chart) -> Iterator[str]:
    """What leads in from anywhere: the intents and branches that move a conversation."""
    openers = {(entrance.opener, entrance.name): entrance for entrance in chart.entrances}
    for entrance in openers.values():
        label = f"{_small(entrance.opener)}<BR/>{_html(entrance.name)}"
        yield f'  {_door(entrance)} [label=<{label}> shape=box color="#d6a85c" fillcolor="#fdf6e7"]'
    for entrance in chart.entrances:
        style = "style=dashed arrowhead=vee" if entrance.calls else ""
        yield f'  {_door(entrance)} -> {_quoted(entrance.target)} [color="#c08a2e" {style}]'


def _door(entrance: Entrance) -> str:
    return _quoted(f"{entrance.opener} {entrance.name}")


def _small(text: str, *, ink: str = _SOFT) -> str:
    return f'<FONT POINT-SIZE="11" COLOR="{ink}">{_html(text)}</FONT>'


def _html(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return escape(printable)


def _quoted(name: object) -> str:
    """A name of ours; those of an assistant are words."""
    return f'"{name}"'
