"""Charts of the report as inline SVG: curves over hints, cost against quality, intervals.

They draw in the page's own colours (classes `c0` to `c5`, in both colour schemes), tell series apart by shape and dash
as well as by colour, and are drawn 360 wide, which is a phone's width, so that their text stays legible there. Plain
text comes back as Markup, so that a template leaves it alone; names are escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 40
COLORS = 6
DASHES = ("", "6 3", "2 3")

WHISKER_WIDTH, WHISKER_HEIGHT = 150, 20


@dataclass(frozen=True)
class Series:
    """One curve."""

    name: str
    values: Mapping[int, float]
    """By the number of hints."""


@dataclass(frozen=True)
class Point:
    """One colorizer in a scatter chart."""

    name: str
    mark: str
    """A few letters inside it."""
    x: float
    y: float
    is_hollow: bool = False


def line_chart(series: Sequence[Series], *, label: str, x_label: str, baselines: Mapping[str, float]) -> Markup:
    """Curves over numbers, evenly spaced whatever the numbers are; baselines are dashed lines across, by name."""
    places = sorted({place for one in series for place in one.values})
    values = [value for one in series for value in one.values.values()] + list(baselines.values())
    low, high, ticks = _scale([value for value in values if isfinite(value)])

    def x_of(place: int) -> float:
        return LEFT + 14 + places.index(place) * (WIDTH - LEFT - RIGHT - 28) / max(1, len(places) - 1)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_y_axis(ticks, y_of)]
    for place in places:
        parts.append(_text(x_of(place), HEIGHT - BOTTOM + 16, str(place), "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, "middle"))
    for name, value in baselines.items():
        parts.append(
            Markup('<line class="baseline" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
                LEFT, WIDTH - RIGHT, y_of(value), y_of(value)
            )
        )
        parts.append(_text(WIDTH - RIGHT, y_of(value) - 4, name, "end"))
    for number, one in enumerate(series):
        known = [(place, value) for place, value in sorted(one.values.items()) if isfinite(value)]
        path = " ".join(f"{x_of(place):.1f},{y_of(value):.1f}" for place, value in known)
        parts.append(
            Markup('<polyline class="curve c{}" stroke-dasharray="{}" points="{}"/>').format(
                number % COLORS, _dash(number), path
            )
        )
        for place, value in known:
            title = f"{one.name}, {place}: {value:.4g}"
            parts.append(_mark(number, x_of(place), y_of(value), title))
    return _svg(WIDTH, HEIGHT, label, parts)


def scatter_chart(points: Sequence[Point], *, label: str, x_label: str, y_label: str) -> Markup:
    """Points over a logarithmic x. Raises ValueError where an x is not above 0."""
    if any(point.x <= 0 for point in points):
        raise ValueError(f"{x_label}: a logarithmic axis has no place for {min(point.x for point in points):g}")
    low, high, ticks = _scale([point.y for point in points])
    logs = [log10(point.x) for point in points]
    first, last = min(logs), max(logs)
    first, last = (first, last) if last - first > 0.2 else (first - 0.5, last + 0.5)

    def x_of(value: float) -> float:
        return LEFT + 16 + (log10(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT - 32)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_y_axis(ticks, y_of)]
    for tick in _log_ticks(first, last):
        parts.append(
            Markup('<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
                x_of(tick), TOP, HEIGHT - BOTTOM
            )
        )
        parts.append(_text(x_of(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, "middle"))
    for point in points:
        x, y = x_of(point.x), y_of(point.y)
        parts.append(
            Markup('<g class="{}"><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="9"/>{}</g>').format(
                "point hollow" if point.is_hollow else "point",
                f"{point.name}: {y_label} {point.y:.4g}, {x_label} {point.x:.3g}",
                x,
                y,
                _text(x, y + 3.5, point.mark, "middle"),
            )
        )
    return _svg(WIDTH, HEIGHT, label, parts)


def whisker(value: float, interval: tuple[float, float] | None, *, high: float, line_at: float | None) -> Markup:
    """A mean as a dot on its interval, on a scale from 0 to `high`; the baseline is a line across."""

    def x_of(number: float) -> float:
        return 4 + min(max(number, 0), high) / high * (WHISKER_WIDTH - 8)

    middle = WHISKER_HEIGHT / 2
    parts = []
    if line_at is not None:
        parts.append(
            Markup('<line class="baseline" x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}"/>').format(
                x_of(line_at), WHISKER_HEIGHT
            )
        )
    if interval and isfinite(interval[0]) and isfinite(interval[1]):
        parts.append(
            Markup('<line class="whisker" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>').format(
                x_of(interval[0]), x_of(interval[1]), middle, middle
            )
        )
    parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{}" r="4"/>').format(x_of(value), middle))
    drawn = Markup("").join(parts)
    return Markup('<svg class="mini" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        WHISKER_WIDTH, WHISKER_HEIGHT, drawn
    )


def legend_mark(number: int) -> Markup:
    """The mark and dash of a series, for a legend in HTML."""
    line = Markup('<line class="curve c{}" stroke-dasharray="{}" x1="0" x2="34" y1="8" y2="8"/>').format(
        number % COLORS, _dash(number)
    )
    return Markup('<svg class="key" viewBox="0 0 34 16" aria-hidden="true">{}{}</svg>').format(
        line, _mark(number, 17, 8, None)
    )


def _svg(width: int, height: int, label: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, label, Markup("").join(parts)
    )


def _y_axis(ticks: Sequence[float], y_of) -> Markup:
    parts = []
    for tick in ticks:
        y = y_of(tick)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(LEFT, WIDTH - RIGHT, y, y)
        )
        parts.append(_text(LEFT - 6, y + 4, f"{tick:g}", "end"))
    return Markup("").join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _dash(number: int) -> str:
    return DASHES[number // COLORS % len(DASHES)]


def _mark(number: int, x: float, y: float, title: str | None) -> Markup:
    """Circle, square, triangle, diamond, upside-down triangle, cross: in turn, as the colours."""
    size = 4
    corners = (
        None,
        ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        ((0, -1.3), (1.2, 1), (-1.2, 1)),
        ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        ((0, 1.3), (1.2, -1), (-1.2, -1)),
        ((-1, -1), (0, -0.4), (1, -1), (0.4, 0), (1, 1), (0, 0.4), (-1, 1), (-0.4, 0)),
    )[number % COLORS]
    inside = Markup("<title>{}</title>").format(title) if title else Markup("")
    if corners is None:
        return Markup('<circle class="mark c{}" cx="{:.1f}" cy="{:.1f}" r="{}">{}</circle>').format(
            number % COLORS, x, y, size, inside
        )
    points = " ".join(f"{x + size * right:.1f},{y + size * down:.1f}" for right, down in corners)
    return Markup('<polygon class="mark c{}" points="{}">{}</polygon>').format(number % COLORS, escape(points), inside)


def _scale(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Ends and ticks of an axis that holds the values: ticks at round numbers, four to seven of them."""
    low, high = min(values), max(values)
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    magnitude = 10 ** floor(log10(rough))
    step = next(size * magnitude for size in (1, 2, 2.5, 5, 10) if size * magnitude >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return first * step, last * step, [round(number * step, 12) for number in range(first, last + 1)]


def _log_ticks(first: float, last: float) -> list[float]:
    powers = range(floor(first), ceil(last) + 1)
    wide = last - first > 2.2
    ticks = [size * 10.0**power for power in powers for size in ((1,) if wide else (1, 2, 5))]
    return [tick for tick in ticks if first - 0.02 <= log10(tick) <= last + 0.02]
