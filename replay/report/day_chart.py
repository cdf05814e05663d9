"""A line chart as SVG: a page with it needs no script. Colours are those of ``report.css``."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from kernel.time_units import SECOND_NS
from replay import figures

WIDTH, HEIGHT = 1160, 240
LEFT, RIGHT, TOP, BOTTOM = 96, 12, 10, 24
MOST_POINTS = 2_000
TIMES = 7
"""Times below the chart."""


def day_chart(points: Sequence[tuple[int, Decimal]]) -> str:
    """The equity from the first point to the last one; nothing for fewer than two points."""
    if len(points) < 2:
        return ""
    kept = _drawn(points)
    first_ts, last_ts = kept[0][0], max(kept[-1][0], kept[0][0] + SECOND_NS)
    values = [float(value) for _, value in kept]
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.001 or 1.0
    low, high = low - room, high + room

    def x(ts: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (ts - first_ts) / (last_ts - first_ts)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    line = " ".join(f"{x(ts):.1f},{y(value):.1f}" for (ts, _), value in zip(kept, values, strict=True))
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='100%' role='img' aria-label='Equity over the day'>"
        f"{_grid(low, high, y)}{_times(first_ts, last_ts, x)}"
        f"<polyline points='{line}' fill='none' stroke='var(--accent)' stroke-width='1.6'/></svg>"
    )


def _drawn(points: Sequence[tuple[int, Decimal]]) -> Sequence[tuple[int, Decimal]]:
    """All points, or of many the first, the last, and the lowest and highest of each stretch of time."""
    if len(points) <= MOST_POINTS:
        return points
    step = -(-2 * len(points) // MOST_POINTS)
    kept = {0, len(points) - 1}
    for begin in range(0, len(points), step):
        stretch = range(begin, min(begin + step, len(points)))
        kept |= {min(stretch, key=lambda at: points[at][1]), max(stretch, key=lambda at: points[at][1])}
    return [points[at] for at in sorted(kept)]


def _grid(low: float, high: float, y: Callable[[float], float]) -> str:
    parts: list[str] = []
    for fourth in range(5):
        value = low + (high - low) * fourth / 4
        place = f"{y(value):.1f}"
        parts.append(
            f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{place}' y2='{place}' stroke='var(--line)'/>"
            f"<text x='{LEFT - 8}' y='{place}' text-anchor='end' dominant-baseline='middle' "
            f"font-size='12' fill='var(--muted)'>{figures.money(Decimal(repr(value)))}</text>"
        )
    return "".join(parts)


def _times(first_ts: int, last_ts: int, x: Callable[[int], float]) -> str:
    parts: list[str] = []
    for place in range(TIMES):
        ts = first_ts + (last_ts - first_ts) * place // (TIMES - 1)
        anchor = "start" if not place else "end" if place == TIMES - 1 else "middle"
        parts.append(
            f"<text x='{x(ts):.1f}' y='{HEIGHT - 6}' text-anchor='{anchor}' font-size='12' "
            f"fill='var(--muted)'>{figures.iso(ts)[11:19]}</text>"
        )
    return "".join(parts)
