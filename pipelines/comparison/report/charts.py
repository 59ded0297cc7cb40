"""Charts of the report as inline SVG: curves over hints, cost against quality, intervals.

This module places things; `charts.svg.j2` draws them, in the colours of the page. Series differ by shape and dash as
well as by colour. Charts are 360 wide, the width of a phone, so that their text stays legible there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from typing import Any

from markupsafe import Markup

from pipelines.comparison.report.template import environment

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 40
COLORS = 6
DASHES = ("", "6 3", "2 3")
MARKS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # circle
    "M-4-4h8v8h-8z",  # square
    "M0-5.2L4.8 4h-9.6z",  # triangle
    "M0-5.6L5.6 0L0 5.6L-5.6 0z",  # diamond
    "M0 5.2L4.8-4h-9.6z",  # triangle upside down
    "M-4-4L0-1.6L4-4L1.6 0L4 4L0 1.6L-4 4L-1.6 0z",  # cross
)

WHISKER_WIDTH, WHISKER_HEIGHT = 150, 20


@dataclass(frozen=True)
class Series:
    """One curve."""

    name: str
    values: Mapping[int, float]
    """The values by the number of hints."""


@dataclass(frozen=True)
class Point:
    """One colorizer in a scatter chart."""

    name: str
    mark: str
    """A few letters inside it."""
    x: float
    y: float
    is_hollow: bool = False


@dataclass(frozen=True)
class _Tick:
    at: float
    label: str


@dataclass(frozen=True)
class _Plot:
    """The frame of a chart, in pixels."""

    y_ticks: Sequence[_Tick]
    x_ticks: Sequence[_Tick]
    x_label: str
    has_x_grid: bool = False
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class _Curve:
    """The look of a series, by its number, and its places."""

    number: int
    spots: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def color(self) -> int:
        return self.number % COLORS

    @property
    def dash(self) -> str:
        return DASHES[self.number // COLORS % len(DASHES)]

    @property
    def mark(self) -> str:
        return MARKS[self.number % COLORS]


def line_chart(series: Sequence[Series], *, label: str, x_label: str, baselines: Mapping[str, float]) -> Markup:
    """Curves over numbers, evenly spaced whatever the numbers are; baselines are dashed lines across, by name."""
    places = sorted({place for one in series for place in one.values})
    values = [value for one in series for value in one.values.values()] + list(baselines.values())
    y_of, y_ticks = _y_axis([value for value in values if isfinite(value)])

    def x_of(place: int) -> float:
        return LEFT + 14 + places.index(place) * (WIDTH - LEFT - RIGHT - 28) / max(1, len(places) - 1)

    curves = [
        _Curve(
            number,
            [
                {"x": x_of(place), "y": y_of(value), "title": f"{one.name}, {place}: {value:.4g}"}
                for place, value in sorted(one.values.items())
                if isfinite(value)
            ],
        )
        for number, one in enumerate(series)
    ]
    plot = _Plot(y_ticks, [_Tick(x_of(place), str(place)) for place in places], x_label)
    lines = [_Tick(y_of(value), name) for name, value in baselines.items()]
    return _draw("line_chart", plot, label, curves, lines)


def scatter_chart(points: Sequence[Point], *, label: str, x_label: str, y_label: str) -> Markup:
    """Points over a logarithmic x. Raises ValueError where an x is not above 0."""
    if any(point.x <= 0 for point in points):
        raise ValueError(f"{x_label}: a logarithmic axis has no place for {min(point.x for point in points):g}")
    y_of, y_ticks = _y_axis([point.y for point in points])
    logs = [log10(point.x) for point in points]
    first, last = min(logs), max(logs)
    first, last = (first, last) if last - first > 0.2 else (first - 0.5, last + 0.5)

    def x_of(value: float) -> float:
        return LEFT + 16 + (log10(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT - 32)

    x_ticks = [_Tick(x_of(tick), f"{tick:g}") for tick in _log_ticks(first, last)]
    spots = [
        {
            "x": x_of(point.x),
            "y": y_of(point.y),
            "mark": point.mark,
            "is_hollow": point.is_hollow,
            "title": f"{point.name}: {y_label} {point.y:.4g}, {x_label} {point.x:.3g}",
        }
        for point in points
    ]
    return _draw("scatter_chart", _Plot(y_ticks, x_ticks, x_label, has_x_grid=True), label, spots)


def whisker(value: float, interval: tuple[float, float] | None, *, high: float, line_at: float | None) -> Markup:
    """A mean as a dot on its interval, on a scale from 0 to `high`; the baseline is a line across."""

    def x_of(number: float) -> float:
        return 4 + min(max(number, 0), high) / high * (WHISKER_WIDTH - 8)

    is_known = interval is not None and all(map(isfinite, interval))
    ends = tuple(map(x_of, interval)) if interval and is_known else None
    line = None if line_at is None else x_of(line_at)
    return _draw("whisker", WHISKER_WIDTH, WHISKER_HEIGHT, x_of(value), ends, line)


def legend_mark(number: int) -> Markup:
    """The mark and dash of a series, for a legend in HTML."""
    return _draw("legend_mark", _Curve(number))


def _draw(macro: str, *values: Any) -> Markup:
    return getattr(environment().get_template("charts.svg.j2").module, macro)(*values)


def _y_axis(values: Sequence[float]) -> tuple[Callable[[float], float], list[_Tick]]:
    """The place of a value, and the ticks at round numbers, four to seven of them, that enclose all values."""
    low, high = min(values), max(values)
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    magnitude = 10 ** floor(log10(rough))
    step = next(size * magnitude for size in (1, 2, 2.5, 5, 10) if size * magnitude >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - (value / step - first) / (last - first) * (HEIGHT - TOP - BOTTOM)

    ticks = [round(number * step, 12) for number in range(first, last + 1)]
    return y_of, [_Tick(y_of(tick), f"{tick:g}") for tick in ticks]


def _log_ticks(first: float, last: float) -> list[float]:
    powers = range(floor(first), ceil(last) + 1)
    wide = last - first > 2.2
    ticks = [size * 10.0**power for power in powers for size in ((1,) if wide else (1, 2, 5))]
    return [tick for tick in ticks if first - 0.02 <= log10(tick) <= last + 0.02]
