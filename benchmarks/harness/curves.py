"""Curves as a picture: small panels side by side, both axes logarithmic, in SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 300, 200
_LEFT, _TOP, _GAP, _BOTTOM = 44, 34, 70, 64
_COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2")


@dataclass(frozen=True, slots=True)
class Curve:
    """Points that belong together, in order."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes."""

    title: str
    curves: Sequence[Curve]


def picture(below: str, panels: Sequence[Panel]) -> str:
    """Draws panels side by side; curves of one name have one colour. `below` says what the horizontal axis counts."""
    width, height = len(panels) * (_WIDTH + _GAP), _TOP + _HEIGHT + _BOTTOM
    names = list(dict.fromkeys(curve.name for panel in panels for curve in panel.curves))
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(names)}
    drawn = [_panel(panel, below, colours, place * (_WIDTH + _GAP) + _LEFT) for place, panel in enumerate(panels)]
    legend = [
        f'<rect x="{_LEFT + 110 * place}" y="{height - 18}" width="12" height="4" fill="{colour}"/>'
        f'<text x="{_LEFT + 110 * place + 18}" y="{height - 11}">{escape(name)}</text>'
        for place, (name, colour) in enumerate(colours.items())
    ]
    style = "<style>text{font:11px sans-serif;fill:#333}</style>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{style}'
    ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join((head, ground, *drawn, *legend, "</svg>", ""))


def _panel(panel: Panel, below: str, colours: dict[str, str], left: int) -> str:
    points = [point for curve in panel.curves for point in curve.points]
    across, up = _span([x for x, _ in points]), _span([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - across[0]) / (across[1] - across[0]), (math.log10(y) - up[0]) / (up[1] - up[0])
        return left + share[0] * _WIDTH, _TOP + (1 - share[1]) * _HEIGHT

    parts = [f'<text x="{left}" y="20">{escape(panel.title)}</text>']
    for power in range(up[0], up[1] + 1):
        _, y = place(10 ** across[0], 10**power)
        parts.append(f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(power)}</text>')
    for power in range(across[0], across[1] + 1):
        x, _ = place(10**power, 10 ** up[0])
        label = f"{_number(power)} {below}" if power == across[1] else _number(power)
        parts.append(f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{label}</text>')
    for curve in panel.curves:
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve.points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colours[curve.name]}" stroke-width="2"/>')
    return "\n".join(parts)


def _span(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten that hold the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _number(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
