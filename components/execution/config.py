"""Settings of the execution algorithms."""

import msgspec

from kernel.time_units import DAY_S


class ExecutionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Volume by time of day, for VWAP orders that have no weights of their own.

    - ``volume_profiles``: by symbol, the relative volumes of equal parts of the UTC day (24 numbers: one an
      hour).
    - ``learn_volume``: symbols whose volume by time of day is learned from the market. If a symbol also has a
      profile above, the profile is used.
    - ``bucket_s``: length of the buckets of learned volume, in seconds. The default, half an hour, is usual
      for intraday volume curves.
    """

    volume_profiles: dict[str, tuple[float, ...]] = {}
    learn_volume: tuple[str, ...] = ()
    bucket_s: int = 1_800


def check_execution(config: ExecutionConfig) -> None:
    """``ValueError`` with a sentence for settings that make no sense."""
    if config.bucket_s < 60 or DAY_S % config.bucket_s:
        raise ValueError(f"bucket_s {config.bucket_s} is not a divisor of {DAY_S} of at least 60")
    for symbol, volumes in config.volume_profiles.items():
        if not volumes or DAY_S % len(volumes):
            raise ValueError(f"volume_profiles: {symbol}: {len(volumes)} numbers do not divide a day evenly")
        if not all(0 <= volume < float("inf") for volume in volumes) or not any(volumes):
            raise ValueError(f"volume_profiles: {symbol}: volumes must be at least 0, and one above it")
