"""The free space of the disk: levels, and a reserve that is freed for a clean stop."""

from pathlib import Path

import pytest

from eventstore.disk_space import DiskConfig, DiskLevel, DiskSpace, free_bytes
from kernel.errors import StoreError

MB = 1 << 20
CONFIG = DiskConfig(warn_mb=100, thin_mb=50, halt_mb=10, reserve_mb=2)


def disk(tmp_path: Path, free_mb: float) -> DiskSpace:
    return DiskSpace(tmp_path, CONFIG, free=lambda _folder: round(free_mb * MB))


@pytest.mark.parametrize(
    ("free_mb", "level"),
    [
        (100, DiskLevel.OK),
        (99.9, DiskLevel.WARN),
        (50, DiskLevel.WARN),
        (49.9, DiskLevel.THIN),
        (9.9, DiskLevel.HALT),
        (0, DiskLevel.HALT),
    ],
)
def test_less_free_space_is_a_higher_level(tmp_path: Path, free_mb: float, level: DiskLevel) -> None:
    reading = disk(tmp_path, free_mb).measure()

    assert reading.level is level
    assert bool(reading.sentence) == (level is not DiskLevel.OK)


def test_the_sentence_names_disk_space_and_setting(tmp_path: Path) -> None:
    assert disk(tmp_path, 20).measure().sentence == (
        f"the disk of {tmp_path} has 20 MB free, less than 50 MB (disk.thin_mb)"
    )


def test_the_reserve_takes_space_until_it_is_freed(tmp_path: Path) -> None:
    space = disk(tmp_path, 1000)

    assert space.keep_reserve()
    assert space.keep_reserve()
    taken = (tmp_path / "reserve").stat().st_blocks * 512
    had = space.has_reserve
    space.free_reserve()
    space.free_reserve()

    assert (taken, had, space.has_reserve) == (2 * MB, True, False)


def test_no_reserve_is_made_where_there_is_no_room_for_it(tmp_path: Path) -> None:
    space = disk(tmp_path, 101)

    assert not space.keep_reserve()
    assert not (tmp_path / "reserve").exists()


def test_a_folder_that_is_gone_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be measured"):
        DiskSpace(tmp_path / "gone", CONFIG).measure()


def test_free_space_is_that_of_the_disk(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
    assert DiskSpace(tmp_path, DiskConfig()).measure().free_bytes > 0


def test_levels_that_do_not_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="must fall"):
        DiskConfig(warn_mb=1, thin_mb=2)
