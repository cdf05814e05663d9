"""Thinning a series for a chart: few points, and yet every extreme is still to be seen."""


class ExtremesSample:
    """Takes a series point by point and keeps at most ``limit`` of them, in order.

    While they fit, all are kept (``limit`` - 4 of them). After that the lowest and the highest of every
    group of consecutive points, with groups of one size that doubles whenever the limit is reached: the
    memory is bounded and the resolution even, however long the series turns out to be.
    """

    def __init__(self, limit: int) -> None:
        if limit < 4 or limit % 4:
            raise ValueError(f"limit is {limit}, expected a multiple of 4")
        self._limit = limit
        self._group = 2
        self._kept: list[tuple[int, float]] = []
        self._pending: list[tuple[int, float]] = []
        self._last: tuple[int, float] | None = None

    @property
    def is_thinned(self) -> bool:
        """Whether points were left out."""
        return self._group > 2

    def take(self, ts: int, value: float) -> None:
        """The next point."""
        self._last = (ts, value)
        self._pending.append(self._last)
        if len(self._pending) < self._group:
            return
        if len(self._kept) >= self._limit - 4:
            kept = self._kept
            self._kept = [point for i in range(0, len(kept), 4) for point in _extremes(kept[i : i + 4])]
            self._group *= 2
            return
        self._kept.extend(_extremes(self._pending))
        self._pending.clear()

    def points(self) -> list[tuple[int, float]]:
        """What is kept, with the last point of the series always in it."""
        points = self._kept + _extremes(self._pending)
        if self._last is not None and points[-1] != self._last:
            points.append(self._last)
        return points


def _extremes(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The lowest and the highest point in order of time; first and last where all are equal."""
    if len(points) <= 2:
        return points.copy()
    low = min(range(len(points)), key=lambda i: points[i][1])
    high = max(range(len(points)), key=lambda i: points[i][1])
    if low == high:
        return [points[0], points[-1]]
    return [points[min(low, high)], points[max(low, high)]]
