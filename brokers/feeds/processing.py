"""The way of a feed's messages to the engine, without network and clock.

A frame of the source in use: put in order by its numbers, then each message is checked, then it makes bars.
What is found on the way comes out between the messages, as inputs: gaps, ignored and quarantined messages,
changes of the feed's status. Frames of other sources only show that these are alive.
"""

from collections.abc import Sequence

from brokers.feeds.bars import LiveBars
from brokers.feeds.config import FeedConfig, Numbering, WebSocketFeedConfig
from brokers.feeds.hours import FeedHours
from brokers.feeds.ignored import IgnoredMessages
from brokers.feeds.quality import QualityChecks
from brokers.feeds.sequence import SequenceOrder
from brokers.feeds.sources import SourceChoice
from kernel.admission import Refusals
from kernel.events import Event
from kernel.time_units import MS_NS
from kernel.timers import NEVER


class _Source:
    """What is kept of one source."""

    def __init__(self, feed: str, config: FeedConfig) -> None:
        numbering = config.numbering if isinstance(config, WebSocketFeedConfig) else Numbering.NONE
        self.counts_anew = isinstance(config, WebSocketFeedConfig) and config.counts_anew
        self.ignored = IgnoredMessages(feed, config.name)
        self.refusals = Refusals(config.name)
        self.sequence = (
            None
            if numbering is Numbering.NONE
            else SequenceOrder(
                feed,
                by_symbol=numbering is Numbering.SYMBOL,
                hold_ns=int(config.hold_ms * MS_NS),
                hold_limit=config.hold_limit,
            )
        )

    @property
    def due_ts(self) -> int:
        waiting = NEVER if self.sequence is None else self.sequence.due_ts
        return min(waiting, self.ignored.due_ts, self.refusals.due_ts)


class FeedProcessor:
    """A feed: its own source first, then its backups. All that it returns goes to the engine, in order."""

    def __init__(self, configs: Sequence[FeedConfig], *, hours: FeedHours, now: int) -> None:
        """Raises ``ConfigError`` for bars of an unknown timeframe."""
        main = configs[0]
        self.delivered = 0
        """Messages that passed, gaps included, without the bars built from them."""
        self.is_sooner = False
        """Whether something may be due sooner than before; whoever reads ``due_ts`` sets it back."""
        self.choice = SourceChoice(
            [config.name for config in configs],
            symbols=main.symbols,
            stale_after_s=main.stale_after_s,
            expects_data=hours.expects_data,
            now=now,
        )
        self._checks = QualityChecks(main.quality)
        self._bars = None if main.bars is None else LiveBars(main.bars, days=hours.trading_day)
        self._sources = {config.name: _Source(main.name, config) for config in configs}

    @property
    def due_ts(self) -> int:
        """When ``due`` has something to do next."""
        bars_due = NEVER if self._bars is None else self._bars.due_ts
        return min(bars_due, self.choice.due_ts, *[source.due_ts for source in self._sources.values()])

    @property
    def quarantined(self) -> int:
        """Messages that were refused."""
        return sum(source.refusals.count for source in self._sources.values())

    @property
    def ignored(self) -> int:
        """Duplicates and late messages."""
        return sum(source.ignored.count for source in self._sources.values())

    def opened(self, name: str, now: int) -> Sequence[Event]:
        """A source is connected and subscribed."""
        source = self._sources[name]
        if source.counts_anew and source.sequence is not None:
            source.sequence.restart()
        return self.choice.opened(name, now)

    def closed(self, name: str, reason: str, now: int) -> Sequence[Event]:
        """A source is lost. What waited for earlier messages comes out: they will not come any more."""
        source = self._sources[name]
        waiting: list[Event] = []
        if source.sequence is not None and self.choice.active.name == name:
            waiting = self._checked(source, source.sequence.flush(now), now)
        return [*waiting, *self.choice.closed(name, reason, now)]

    def take(self, name: str, events: Sequence[Event], seqs: Sequence[int], now: int) -> Sequence[Event]:
        """The messages of a frame of a source."""
        source = self._sources[name]
        sequence = source.sequence if seqs else None
        changes: Sequence[Event] = ()
        if self.choice.active.name != name:
            changes = self.choice.heard(name, now)
            if self.choice.active.name != name:
                if sequence is not None:
                    sequence.skip(events, seqs)
                return changes
        refused = source.refusals.count
        if sequence is None:
            passed = self._checked(source, events, now)
        else:
            passed = self._checked(source, sequence.order(events, seqs, now=now), now)
            if sequence.ignored:
                passed += self._records_of_ignored(source, sequence, now)
            if sequence.due_ts != NEVER:
                self.is_sooner = True
        if source.refusals.count - refused < len(events):  # nonsense alone is no sign of life
            changes = [*changes, *self.choice.heard(name, now)]
        return [*changes, *passed] if changes else passed

    def refuse(self, name: str, raw: str, reason: str, now: int) -> Sequence[Event]:
        """A message of a source that cannot be understood."""
        record = self._sources[name].refusals.note(raw, reason=reason, now=now)
        return () if record is None else (record,)

    def due(self, now: int) -> tuple[Sequence[Event], list[str]]:
        """What comes out because time has passed, and the sources that must be connected anew."""
        changes, again = self.choice.silent(now)
        out: list[Event] = [*changes]
        for name, source in self._sources.items():
            if source.sequence is not None and source.sequence.due_ts <= now:
                waiting = source.sequence.due(now)
                if self.choice.active.name == name:
                    out += self._checked(source, waiting, now)
            if source.refusals.due_ts <= now:
                out.append(source.refusals.summarise(now=now))
            out += source.ignored.due(now)
        if self._bars is not None:
            out += self._bars.due(now)
        return out, again

    def _checked(self, source: _Source, events: Sequence[Event], now: int) -> list[Event]:
        """The events that pass, the bars that they complete, and records of the others."""
        checks, bars = self._checks.by_type, self._bars
        passed: list[Event] = []
        refused = source.refusals.count
        for event in events:
            check = checks.get(type(event))
            problem = check(event, now) if check is not None else ""
            if problem:
                record = source.refusals.note(event, reason=problem, now=now)
                if record is not None:
                    passed.append(record)
                self.is_sooner = True
            elif bars is None:
                passed.append(event)
            else:
                passed += bars.around(event)
                self.is_sooner = True
        self.delivered += len(events) - (source.refusals.count - refused)
        return passed

    def _records_of_ignored(self, source: _Source, sequence: SequenceOrder, now: int) -> list[Event]:
        self.is_sooner = True
        notes = [source.ignored.note(*each, now=now) for each in sequence.ignored]
        sequence.ignored.clear()
        return [record for record in notes if record is not None]
