"""Curves and bars as inline SVG; colours come from the page's style, so they follow light and dark."""

from __future__ import annotations

import math
from html import escape
from itertools import pairwise

from easyphoto.report.parts import Bars, Chart, Curve

WIDTH, HEIGHT = 520, 240
LETTERS = 22
"""The largest size in which a page sets a chart's words, on a phone; there they still must not touch each other."""
LETTER = 0.58 * LETTERS
"""Width of a digit in that size."""
GAP = 8
RIGHT = 14


def chart_svg(chart: Chart) -> str:
    """Return the chart as an SVG element; curves without a finite point are left out."""
    curves = [Curve(curve.name, _finite(curve.points), curve.faint) for curve in chart.curves]
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return '<p class="words">No values were recorded.</p>'
    frame = _Frame.around(curves, is_named=bool(chart.up))
    parts = _axes(frame, chart)
    bold = [curve for curve in curves if not curve.faint]
    parts += [_line(frame, curve, "faint") for curve in curves if curve.faint]
    parts += [_line(frame, curve, f"c{index % 6}") for index, curve in enumerate(bold)]
    legend = "".join(
        f'<span><i class="c{index % 6}"></i>{escape(curve.name)}</span>' for index, curve in enumerate(bold)
    )
    label = escape(f"{chart.title}: {', '.join(curve.name for curve in curves)}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
        f'<div class="legend">{legend}</div>'
    )


def bars_html(bars: Bars) -> str:
    """Return bars whose lengths are proportional to the amounts, the largest filling the line."""
    largest = max((amount for _, amount in bars.amounts), default=0.0) or 1.0
    rows = "".join(
        f'<div class="bar"><span>{escape(name)}</span><b><i style="width:{100 * amount / largest:.1f}%"></i></b>'
        f"<em>{amount:.1f} {escape(bars.unit)}</em></div>"
        for name, amount in bars.amounts
    )
    return f'<div class="bars">{rows}</div>'


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return about `wanted` round values from `low` to `high`; their spacing is 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(wanted - 1, 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


class _Frame:
    """Maps values to coordinates in the drawing, whose margins fit the words around it."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float], *, is_named: bool) -> None:
        """`is_named`: the vertical axis has a name, which stands above it."""
        self.xs, self.ys = xs, ys
        self.top = LETTERS + GAP if is_named else LETTERS / 2
        self.bottom = HEIGHT - 2 * LETTERS - 2 * GAP
        self.rows = ticks(*ys)
        self.left = GAP + max(len(said(value)) for value in self.rows) * LETTER + GAP
        self.columns = self._columns()

    @classmethod
    def around(cls, curves: list[Curve], *, is_named: bool = False) -> _Frame:
        xs = [x for curve in curves for x, _ in curve.points]
        ys = [y for curve in curves for _, y in curve.points]
        return cls(_widened(min(xs), max(xs), 0.0), _widened(min(ys), max(ys), 0.06), is_named=is_named)

    def x(self, value: float) -> float:
        return self.left + (value - self.xs[0]) / (self.xs[1] - self.xs[0]) * (WIDTH - self.left - RIGHT)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.ys[0]) / (self.ys[1] - self.ys[0]) * (self.bottom - self.top)

    def anchor(self, value: float) -> tuple[float, str]:
        """Return where a column's number stands; one that would leave the drawing ends at its edge."""
        half = len(said(value)) * LETTER / 2
        return (WIDTH, "end") if self.x(value) + half > WIDTH else (self.x(value), "middle")

    def _columns(self) -> list[float]:
        """Return the round values that have room beside each other; steps are whole numbers."""
        for wanted in (5, 4, 3, 2):
            found = [value for value in ticks(*self.xs, wanted) if value == round(value)]
            if self._have_room(found):
                return found
        return found[:1]

    def _have_room(self, values: list[float]) -> bool:
        spans = []
        for value in values:
            width = len(said(value)) * LETTER
            at, anchor = self.anchor(value)
            spans.append((at - width, at) if anchor == "end" else (at - width / 2, at + width / 2))
        return all(after[0] - before[1] >= GAP for before, after in pairwise(spans))


def said(value: float) -> str:
    return f"{value:.6g}"


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    if high - low < 1e-9:
        return low - 0.5, high + 0.5
    return low - share * (high - low), high + share * (high - low)


def _finite(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((x, y) for x, y in points if math.isfinite(x) and math.isfinite(y))


def _axes(frame: _Frame, chart: Chart) -> list[str]:
    parts = []
    for value in frame.rows:
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{frame.left:.1f}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_word(frame.left - GAP, y, said(value), "end", middle=True))
    for value in frame.columns:
        x, anchor = frame.anchor(value)
        parts.append(_word(x, frame.bottom + LETTERS + GAP, said(value), anchor))
    # The axes' names have lines of their own.
    parts.append(_word(WIDTH - RIGHT, HEIGHT - 2, chart.across, "end"))
    if chart.up:
        parts.append(_word(GAP, LETTERS - 4, chart.up, "start"))
    return parts


def _word(x: float, y: float, word: str, anchor: str, *, middle: bool = False) -> str:
    high = ' dominant-baseline="central"' if middle else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{high}>{escape(word)}</text>'


def _line(frame: _Frame, curve: Curve, style: str) -> str:
    places = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in sorted(curve.points)]
    drawn = f'<polyline class="{style}" points="{" ".join(places)}"/>'
    if curve.faint or len(places) > 40:
        return drawn
    dots = "".join('<circle class="{}" cx="{}" cy="{}" r="2.6"/>'.format(style, *place.split(",")) for place in places)
    return drawn + dots
