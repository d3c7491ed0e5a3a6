"""Curves and bars as inline SVG; colours come from the page's style, so they follow light and dark."""

from __future__ import annotations

import math
from html import escape

from easyphoto.report.parts import Bars, Chart, Curve

WIDTH, HEIGHT = 520, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 34


def chart_svg(chart: Chart) -> str:
    """Return the chart as an SVG element; curves without a finite point are left out."""
    curves = [Curve(curve.name, _finite(curve.points), curve.faint) for curve in chart.curves]
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return '<p class="words">No values were recorded.</p>'
    frame = _Frame.around(curves, chart.marks)
    parts = [*_axes(frame, chart), *(_mark(frame, value, name) for value, name in chart.marks)]
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
    """Maps values to coordinates in the drawing."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self.xs, self.ys = xs, ys

    @classmethod
    def around(cls, curves: list[Curve], marks: tuple[tuple[float, str], ...]) -> _Frame:
        xs = [x for curve in curves for x, _ in curve.points]
        ys = [y for curve in curves for _, y in curve.points] + [value for value, _ in marks]
        return cls(_widened(min(xs), max(xs), 0.0), _widened(min(ys), max(ys), 0.06))

    def x(self, value: float) -> float:
        return LEFT + (value - self.xs[0]) / (self.xs[1] - self.xs[0]) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.ys[0]) / (self.ys[1] - self.ys[0]) * (HEIGHT - TOP - BOTTOM)


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    if high - low < 1e-9:
        return low - 0.5, high + 0.5
    return low - share * (high - low), high + share * (high - low)


def _finite(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple((x, y) for x, y in points if math.isfinite(x) and math.isfinite(y))


def _axes(frame: _Frame, chart: Chart) -> list[str]:
    parts = []
    for value in ticks(*frame.ys):
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in ticks(*frame.xs):
        parts.append(f'<text x="{frame.x(value):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{value:.4g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 1}" text-anchor="end">{escape(chart.across)}</text>')
    if chart.up:
        parts.append(f'<text x="{LEFT + 4}" y="{TOP + 4}">{escape(chart.up)}</text>')
    return parts


def _mark(frame: _Frame, value: float, name: str) -> str:
    y = frame.y(value)
    return (
        f'<line class="mark" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{WIDTH - RIGHT - 4}" y="{y - 5:.1f}" text-anchor="end">{escape(name)}</text>'
    )


def _line(frame: _Frame, curve: Curve, style: str) -> str:
    places = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in sorted(curve.points)]
    drawn = f'<polyline class="{style}" points="{" ".join(places)}"/>'
    if curve.faint or len(places) > 40:
        return drawn
    dots = "".join('<circle class="{}" cx="{}" cy="{}" r="2.6"/>'.format(style, *place.split(",")) for place in places)
    return drawn + dots
