"""Settings of a store in a folder: when a segment ends, and how long what is kept."""

import msgspec

from kernel.time_units import DAY_S


class SegmentsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When the open segment ends and the next one begins.

    - ``roll_mb``: size in megabytes (2^20 bytes) of stored events. 256: a segment is read and hashed in a
      second, archived in three, and a copy of it fits anywhere.
    - ``roll_daily``: also at the first append of a new UTC day. Daily files are what people archive and ask
      for; a quiet day costs 100 kB.
    """

    roll_mb: float = 256
    roll_daily: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.roll_mb < float("inf"):
            raise ValueError(f"roll_mb: {self.roll_mb} is not above 0")


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long the events of live logs are kept, counted from the last event of a sealed segment.

    - ``market_data_days``: quotes, trades, bars and books. 30: recovery needs none of them, and studies of
      last month's trading do. ``None``: for ever.
    - ``records_years``: everything else: orders, fills, commands, positions, sessions. 7: the longest time
      that broker-dealers must keep records. ``None``: for ever.
    - ``archive_after_days``: then a segment is compressed. 7: readers of last week need not unpack.
      ``None``: never.
    - ``needs_backup``: whether only segments that a backup holds are pruned. True: what is pruned is gone.
    - ``needs_snapshot``: whether a log's events are pruned only before its newest snapshot. True: without one
      a recovery replays the log from its beginning.

    - ``apply_every_s``: how often a daemon does it; first so long after its start, or after five minutes. A
      day: segments end daily.

    Streams that are not live logs (imports, runs) are kept as they are.
    """

    market_data_days: float | None = 30
    records_years: float | None = 7
    archive_after_days: float | None = 7
    needs_backup: bool = True
    needs_snapshot: bool = True
    apply_every_s: float = DAY_S

    def __post_init__(self) -> None:
        for name in ("market_data_days", "records_years", "archive_after_days"):
            value: float | None = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name}: {value} is below 0")
        if not 0 < self.apply_every_s < float("inf"):
            raise ValueError(f"apply_every_s: {self.apply_every_s} is not above 0")
        if self.records_years is not None and (
            self.market_data_days is None or self.market_data_days > self.records_years * 365
        ):
            raise ValueError("market_data_days: market data are not kept longer than orders and fills")
