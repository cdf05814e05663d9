"""A soak finds what grows. ``make soak HOURS=N`` runs one; continuous integration runs half an hour."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.ops.daemon.soak import soak
from tests.ops.daemon.soak_figures import Sample, Soak, faults_of, report

STEADY = Sample(
    at_s=0.0,
    memory_mb=105.0,
    tasks=15,
    files=23,
    threads=9,
    seq=0,
    inputs=0,
    waiting_peak=20,
    commit_p50_ms=0.5,
    commit_p99_ms=2.0,
    cpu_s=0.0,
    market_cpu_s=0.0,
    reconnects=0,
    orders=0,
    snapshot_seq=0,
    snapshot_mb=5.0,
    segments=1,
)
Change = Callable[[int], dict[str, float | int]]


def samples(change: Change) -> Sequence[Sample]:
    """One sample a minute for 40 minutes."""
    return [
        msgspec.structs.replace(
            STEADY,
            **{"at_s": 60.0 * (minute + 1), "inputs": 60_000 * (minute + 1), **change(minute)},
        )
        for minute in range(40)
    ]


def test_a_daemon_that_fills_what_is_bounded_and_then_stays_has_no_faults() -> None:
    found = faults_of(samples(lambda minute: {"memory_mb": min(110.0, 80.0 + 5 * minute) + minute % 3}))

    assert found == ()


CASES: list[tuple[Change, str]] = [
    (lambda minute: {"memory_mb": 90.0 + minute}, "memory grew by 20.0 MB, more than 8"),
    (
        lambda minute: {"memory_mb": 151.0 if minute == 3 else 100.0},
        "memory reached 151.0 MB, more than 150",
    ),
    (lambda minute: {"tasks": 15 + minute // 5}, "tasks grew from 18 to 22"),
    (lambda minute: {"files": 23 + minute}, "files grew from 42 to 62"),
    (lambda minute: {"threads": 9 + minute}, "threads grew from 28 to 48"),
    (lambda minute: {"snapshot_mb": 2.0 + minute / 4}, "snapshots grew from 6.8 to 11.8 MB"),
    (lambda minute: {"inputs": min(minute, 15)}, "no inputs came at the end"),
]


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_whatever_grows_or_stands_still_is_a_fault(change: Change, expected: str) -> None:
    assert faults_of(samples(change)) == (expected,)


def test_a_soak_too_short_to_tell_is_a_fault() -> None:
    assert faults_of([STEADY] * 3) == ("3 samples are too few; expected at least 4",)


def test_a_log_that_does_not_verify_is_a_fault_and_in_the_report() -> None:
    result = Soak(tuple(samples(lambda _: {})), 0, "paper: differs at seq 7", ())

    assert result.faults == ("the log does not verify: paper: differs at seq 7",)
    assert report(result)[-1] == "FAULT: the log does not verify: paper: differs at seq 7"


@pytest.mark.slow
def test_a_short_soak_measures_a_daemon_and_verifies_its_log(tmp_path: Path) -> None:
    """What a minute cannot show is judged by a longer one: growth."""
    result = soak(tmp_path, seconds=20, every_s=4, rate=500, symbols=10)

    assert 1 < len(result.samples) <= 5  # a machine that holds it up takes some of its time
    assert result.complaints == ()
    assert result.stopped_with == 0
    assert result.verified.startswith("paper: reproduced")
