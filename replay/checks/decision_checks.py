"""Tries whether a strategy knows the future, or depends on where its history began.

A strategy gets each event when it is known, so the engine shows it nothing too early. But a strategy can be
made from data itself: from a table that was computed over all of it, or from parameters that know its end.
And an indicator that feeds on its own last value depends on its first one. So the strategy is run again:

- **on data that end earlier.** Up to the end of the data, every decision and every logged figure must be what
  it was with all data. The ends are at the strategy's own decisions: there, a strategy that looks one bar
  ahead decides otherwise.
- **on other prices.** After a moment prices are mirrored: each rise is a fall. A strategy that decides the
  same on them does not look at them.
- **with more history** before the same beginning: decisions and figures must be equal.
- **begun later**: decisions and figures should become equal after a while.

Nothing is written.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from kernel.time_units import DAY_NS
from replay import figures
from replay.checks.variants import Decided, Variant
from replay.performance.diagnosis import Finding, FindingKind

FEWEST_DECISIONS = 10
"""A strategy with fewer decisions on mirrored prices may be right to decide the same."""

SETTLED_BY = 0.75
"""A strategy that was begun later should decide the same after this part of the time that is left."""

FIGURE_TOLERANCE = 1e-3
"""A logged figure is the same if it differs by less than this part of its value."""


class CutCheck(msgspec.Struct, frozen=True):
    """A run on data that end at ``cut_ts``, beside one on all data.

    ``compared``: decisions and logged figures up to there. ``missing`` and ``added``: those of the whole run
    and of the cut one alone, in order of time.
    """

    cut_ts: int
    compared: int
    missing: tuple[Decided, ...]
    added: tuple[Decided, ...]


class StartCheck(msgspec.Struct, frozen=True):
    """A run with another beginning, beside a reference, from ``from_ts`` on.

    - ``warm_up``: bars of history before its beginning.
    - ``compared``: decisions of both; ``differing``: those of one of them alone.
    - ``last_difference_ts``: the time of the last decision that differs; 0 if none does.
    - ``largest_figure``, ``figure_difference``: the logged figure that differs most at the end, and by which
      part of its value; empty and 0 without logged figures.
    - ``end_ts``: the end of the data.
    """

    from_ts: int
    warm_up: int
    compared: int
    differing: int
    last_difference_ts: int
    largest_figure: str
    figure_difference: float
    end_ts: int

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differing and self.figure_difference <= FIGURE_TOLERANCE


class MirrorCheck(msgspec.Struct, frozen=True):
    """A run on prices that are mirrored after ``from_ts``: decisions after that, and those that are equal."""

    from_ts: int
    decisions: int
    equal: int


class DecisionChecks(msgspec.Struct, frozen=True):
    """All checks of the strategies of a run; ``mirror`` is ``None`` if there were no prices to mirror."""

    cuts: tuple[CutCheck, ...]
    mirror: MirrorCheck | None
    warm_ups: tuple[StartCheck, ...]
    starts: tuple[StartCheck, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks found, in words."""
        found = (_cut_finding(self.cuts), _mirror_finding(self.mirror), _warm_up_finding(self.warm_ups))
        return tuple(filter(None, (*found, _start_finding(self.starts))))

    @property
    def is_passed(self) -> bool:
        """Whether no finding is a warning."""
        return not any(one.is_warning for one in self.findings)


# --- comparing --------------------------------------------------------------------------------


def compared_cut(whole: Variant, cut: Variant) -> CutCheck:
    """Compare a run on cut data with the whole one, up to the last event that both had."""
    expected = Counter(one for one in _all(whole) if one.ts <= cut.last_ts)
    seen = Counter(one for one in _all(cut) if one.ts <= cut.last_ts)
    return CutCheck(
        cut.last_ts,
        expected.total(),
        tuple(sorted((expected - seen).elements())),
        tuple(sorted((seen - expected).elements())),
    )


def compared_start(reference: Variant, other: Variant, *, from_ts: int) -> StartCheck:
    """Compare a run with another beginning. Quantities may differ, as the account does."""
    expected = Counter(one.without_numbers for one in reference.decisions if one.ts >= from_ts)
    seen = Counter(one.without_numbers for one in other.decisions if one.ts >= from_ts)
    differing = (expected - seen) + (seen - expected)
    name, apart = _largest_difference(reference, other)
    return StartCheck(
        from_ts,
        other.warm_up,
        expected.total(),
        differing.total(),
        max((one.ts for one in differing), default=0),
        name,
        apart,
        reference.last_ts,
    )


def compared_mirror(whole: Variant, mirrored: Variant, *, from_ts: int) -> MirrorCheck:
    """Compare a run on mirrored prices, after the moment from which on they are."""
    expected = Counter(one.without_numbers for one in whole.decisions if one.ts > from_ts)
    seen = Counter(one.without_numbers for one in mirrored.decisions if one.ts > from_ts)
    return MirrorCheck(from_ts, expected.total(), (expected & seen).total())


def _all(variant: Variant) -> Iterator[Decided]:
    yield from variant.decisions
    for key, series in variant.figures.items():
        strategy, name = key
        for ts, value in series.items():
            yield Decided(ts, strategy, f"logged {name} {value!r}")


def _largest_difference(reference: Variant, other: Variant) -> tuple[str, float]:
    """The logged figure that differs most at the last time that both logged it."""
    found = [
        (_relative(series[last], other_series[last]), name)
        for (strategy, name), series in reference.figures.items()
        if (other_series := other.figures.get((strategy, name)))
        and (last := _last_common(series, other_series)) is not None
    ]
    apart, name = max(found, default=(0.0, ""))
    return (name, apart) if apart else ("", 0.0)


def _last_common(a: Mapping[int, float], b: Mapping[int, float]) -> int | None:
    return max(a.keys() & b.keys(), default=None)


def _relative(a: float, b: float) -> float:
    size = max(abs(a), abs(b))
    return abs(a - b) / size if size else 0.0


# --- in words ---------------------------------------------------------------------------------


def _cut_finding(cuts: Sequence[CutCheck]) -> Finding | None:
    if not cuts:
        return None
    bad = [one for one in cuts if one.missing or one.added]
    told = {"cuts": float(len(cuts)), "cuts_that_differ": float(len(bad))}
    if not bad:
        ends = "1 earlier moment" if len(cuts) == 1 else f"{len(cuts)} earlier moments"
        words = f"No look-ahead: on data that end at {ends} it decided the same up to there."
        return Finding(FindingKind.LOOK_AHEAD, False, words, told)
    first = bad[0]
    words = (
        f"Look-ahead: on data that end at {figures.moment(first.cut_ts)} it decides otherwise up to there. "
        f"{_sides(first)} So decisions depend on later data ({len(bad)} of {len(cuts)} ends differ)."
    )
    return Finding(FindingKind.LOOK_AHEAD, True, words, told)


def _sides(cut: CutCheck) -> str:
    whole = f"With all data: {_first(cut.missing)}." if cut.missing else ""
    part = f"With data up to then: {_first(cut.added)}." if cut.added else ""
    return " ".join(filter(None, (whole, part)))


def _first(decided: Iterable[Decided]) -> str:
    one = next(iter(decided))
    return f"{figures.moment(one.ts)} {one.strategy}: {one.words}"


def _mirror_finding(check: MirrorCheck | None) -> Finding | None:
    if check is None or check.decisions < FEWEST_DECISIONS:
        return None
    told = {"decisions": float(check.decisions), "equal_decisions": float(check.equal)}
    when = figures.moment(check.from_ts)
    if check.equal < check.decisions:
        words = f"It looks at prices: with prices mirrored after {when} it decided otherwise."
        return Finding(FindingKind.LOOK_AHEAD, False, words, told)
    words = (
        f"With prices mirrored after {when} it made the same {check.decisions:,} decisions: it does not look "
        "at them. That is right if it trades by the calendar; else it knows prices from elsewhere, and the "
        "future too."
    )
    return Finding(FindingKind.LOOK_AHEAD, True, words, told)


def _warm_up_finding(checks: Sequence[StartCheck]) -> Finding | None:
    if not checks:
        return None
    most = max(one.warm_up for one in checks)
    when = figures.moment(checks[0].from_ts)
    bad = [one for one in checks if not one.is_equal]
    told = {"warm_up": float(checks[0].warm_up), "most": float(most), "warm_ups_that_differ": float(len(bad))}
    if not bad:
        amounts = ", ".join(f"{one.warm_up:,}" for one in checks)
        words = f"Begun at {when} with {amounts} bars of history before it, it decides the same."
        return Finding(FindingKind.RECURSIVE, False, words, told)
    worst = bad[0]
    enough = next((one.warm_up for one in checks if one.is_equal and one.warm_up > bad[-1].warm_up), most)
    words = (
        f"Its decisions depend on the amount of history: begun at {when} with {worst.warm_up:,} bars before "
        f"it, {_differences(worst)} from {most:,} bars. Give it {enough:,} (warm_up, or bars_needed)."
    )
    return Finding(FindingKind.RECURSIVE, True, words, told)


def _start_finding(checks: Sequence[StartCheck]) -> Finding | None:
    if not checks:
        return None
    bad = [one for one in checks if not _is_settled(one)]
    told = {"starts": float(len(checks)), "starts_that_differ": float(len(bad))}
    if bad:
        worst = bad[0]
        words = (
            f"Its decisions depend on where it began: begun at {figures.moment(worst.from_ts)}, "
            f"{_differences(worst)} to the end from those of the whole run. An indicator may feed on its own "
            "first value, or a position never be given up."
        )
        return Finding(FindingKind.RECURSIVE, True, words, told)
    slowest = max(checks, key=lambda one: one.last_difference_ts - one.from_ts)
    late = max(0, slowest.last_difference_ts - slowest.from_ts)
    after = f"the same after {figures.duration(late)}" if late else "the same at once"
    words = f"Begun later, at {_moments(checks)}, it decides {after}."
    return Finding(FindingKind.RECURSIVE, False, words, {**told, "days_to_settle": late / DAY_NS})


def _is_settled(check: StartCheck) -> bool:
    limit = check.from_ts + SETTLED_BY * (check.end_ts - check.from_ts)
    return check.last_difference_ts <= limit and check.figure_difference <= FIGURE_TOLERANCE


def _moments(checks: Sequence[StartCheck]) -> str:
    return " and ".join(figures.moment(one.from_ts) for one in checks)


def _differences(check: StartCheck) -> str:
    decided = f"{check.differing:,} of {check.compared:,} decisions differ"
    if check.figure_difference <= FIGURE_TOLERANCE:
        return decided
    logged = f"{check.largest_figure} differs by {check.figure_difference * 100:.2g} %"
    return f"{decided} and {logged}" if check.differing else logged
