"""Code of today over a past log: what a subscriber would have told, or a risk rule denied, as of then.

    found = replay.attach("run.ma_cross.1", Spread(), start="2008-09-15", store="market.db")
    found.frame()

How it works: the core of the log plays its inputs again by the recorded code, from the nearest snapshot
before the period on. A subscriber is one more component on its bus, right before the strategies. So it hears
what a strategy would hear, in that order: fills at a bar come before the bar, and what strategies decide on
it comes after. It hears nothing from before the period. A risk rule is one more rule after the recorded
ones, whose answers are noted and not followed. So every event is as recorded, which is compared, and nothing
is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from components.assembly.core import Core
from components.assembly.moments import moment_ns
from components.assembly.user_models import LoadedModel
from components.risk.own_rules import RULES, UncheckedRule
from components.strategy_host.apart import ApartHost
from eventstore import EventStore, SnapshotFiles, open_store
from eventstore.moments import iso_utc
from eventstore.store_opening import is_store_here
from kernel.bus import EventBus
from kernel.comparison import RecordDiffers
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.decimals import exact
from kernel.errors import ComponentError, InputError
from kernel.events import (
    Event,
    Order,
    OrderApproved,
    OrderDenied,
    OrderIntent,
    ReplaceApproved,
    ReplaceDenied,
    ReplaceIntent,
)
from kernel.loggable import place_of, words_of
from kernel.records import Records
from kernel.snapshot import take, take_over
from replay.arguments import moment_of, named_arguments
from replay.blocking import run_blocking
from replay.config import DEFAULT_STORE
from replay.frames import records_frame
from replay.past.attached_code import (
    NO_PARAMS,
    Attachable,
    AttachedRule,
    Subscriber,
    Value,
    checked,
    load_attached,
    values_of,
)
from replay.past.core import time_ns
from replay.past.explanation_rows import order_text
from replay.past.log_player import LogPlayer, Part, Start
from replay.past.timeline import Moment, Timeline
from replay.past.view import ATTACHED, PastView
from replay.record import Record
from replay.record_comparison import RecordComparison
from replay.reopening import Cores
from replay.run import Plan
from replay.run_snapshots import snapshots_beside
from replay.verification import explained_difference
from strategies.sdk.risk_rules import Denial, OrderCheckView

if TYPE_CHECKING:
    import pandas as pd

PORTION = 4_096
"""Most inputs that are played at once."""


class AttachedValue(msgspec.Struct, frozen=True):
    """A value that a subscriber told.

    - ``seq``: of the event in the log's own stream; 0 for data of a run, and at the end.
    - ``number``: of the input that it is, or that caused it.
    - ``event``: its type; "" at the end.
    """

    ts: int
    seq: int
    number: int
    event: str
    name: str
    value: Value


class AttachedDenial(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a rule would have denied.

    - ``seq``, ``number``: of its intent, and of the input that caused that.
    - ``order``: its terms in words; ``is_replacement``: they are new terms for a working order.
    - ``recorded``: what risk decided then: ``approved``, or the rule that denied it.
    """

    ts: int
    seq: int
    number: int
    order_id: str
    strategy: str
    symbol: str
    order: str
    is_replacement: bool
    rule: str
    reason: str
    limit: str
    value: str
    recorded: str


class Attached(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What attached code told of a period of a log.

    - ``name``: of its class.
    - ``heard``: events that a subscriber heard, or orders that a rule checked. Orders that the rules of
      the record had denied before are not checked.
    - ``values``: of a subscriber; ``denials``: of a rule, ``None`` for a subscriber.
    """

    log: str
    name: str
    began: Moment
    ended: Moment
    heard: int
    values: tuple[AttachedValue, ...] = ()
    denials: tuple[AttachedDenial, ...] | None = None

    @property
    def inputs(self) -> int:
        """The number of inputs of the period."""
        return self.ended.number - self.began.number

    def frame(self) -> "pd.DataFrame":
        """The values, or the denials of a rule, one in each row, with ``time`` in UTC."""
        if self.denials is None:
            return records_frame(AttachedValue, self.values)
        return records_frame(AttachedDenial, self.denials)


@named_arguments
@exact
def attach(
    log: str,
    subscriber: object,
    *,
    start: str | date | None = None,
    end: str | date | None = None,
    params: Mapping[str, object] = NO_PARAMS,
    store: str | Path | EventStore = DEFAULT_STORE,
) -> Attached:
    """Play a run or live log, and let a subscriber or a risk rule of today hear it as of then.

    - ``subscriber``: an object, a class, or ``file.py:Class``; see ``replay.past.attached_code``.
    - ``start``, ``end``: UTC days or moments, inclusive; without them the whole log.
    - ``params``: of a class that is named by text.
    - ``store``: its path, or an open store of which snapshots are not used.

    Blocks. Raises ``ConfigError`` for code of another form, ``ComponentError`` if it raises, ``InputError``
    for a period without inputs, and as ``replay.at`` does.
    """
    if isinstance(store, str | Path) and not is_store_here(Path(store)):
        raise InputError(f"there is no store at {store}")
    made = load_attached(subscriber, params) if isinstance(subscriber, str) else checked(subscriber)
    begin, last = moment_of(start, key="start"), moment_of(end, key="end")
    from_ts = None if begin is None else moment_ns(begin, key="start")
    return run_blocking(_attached(store, log, made, from_ts, time_ns(last, key="end")))


async def _attached(
    store: str | Path | EventStore, log: str, made: Attachable, from_ts: int | None, to_ts: int | None
) -> Attached:
    if not isinstance(store, str | Path):
        return await attached(store, log, made, from_ts=from_ts, to_ts=to_ts)
    async with await open_store(store, read_only=True) as opened:
        files = snapshots_beside(Path(store))
        return await attached(opened, log, made, from_ts=from_ts, to_ts=to_ts, snapshots=files)


@exact
async def attached(
    store: EventStore,
    log: str,
    made: Attachable,
    *,
    from_ts: int | None = None,
    to_ts: int | None = None,
    snapshots: SnapshotFiles | None = None,
) -> Attached:
    """``attach`` for asynchronous code; times in ns UTC, inclusive."""
    async with Timeline.open(store, log, snapshots=snapshots) as timeline:
        began = timeline.moment if from_ts is None else await timeline.goto_time(from_ts - 1)
        listener = _Rule(made) if isinstance(made, AttachedRule) else _Listener(made)
        cores = _cores(timeline, listener)
        start = Start(cores, began.seq, timeline.player.data_count, timeline.player.epoch)
        try:
            ended = await _play(timeline.store, timeline.record, start, listener, to_ts)
        except RecordDiffers as differs:
            restored = timeline.restored_seq
            raise await explained_difference(
                timeline.store, timeline.record, differs, restored_seq=restored
            ) from differs
        if ended.number == began.number:
            raise InputError(f"{log} has no input in that period; see replay list")
        return listener.result(log, began, ended)


def _cores(timeline: Timeline, listener: "_Listener | _Rule") -> Cores:
    """A core with the state of the moment and the listener beside it."""
    started, assumed = timeline.record.started, timeline.assumed
    if isinstance(listener, _Rule):
        cores = Cores(
            timeline.plan, timeline.opening, started=started, assumed=assumed, adapt=listener.added_to
        )
        take_over(cores.core.bus, take(timeline.core.bus))
        return cores
    watched = _WatchedCores(timeline.plan, timeline.opening, started=started, assumed=assumed)
    take_over(watched.core.bus, take(timeline.core.bus))
    watched.watch(listener)
    return watched


async def _play(
    store: EventStore, record: Record, start: Start, listener: "_Listener | _Rule", to_ts: int | None
) -> Moment:
    comparison = RecordComparison(store, record, after_seq=start.seq)
    player = LogPlayer(store, record, start)

    async def take_in(part: Part) -> None:
        listener.take(part, last_seq=player.seq)
        if part.records.events:
            await comparison.record(part.records.events, part.records.causes)

    try:
        while (part := await player.play(PORTION, until_ts=to_ts)) is not None:
            await take_in(part)
        if to_ts is not None and player.next_ts is not None:
            await take_in(Part((), player.input_count + 1, player.fire_timers(to_ts)))
    finally:
        await player.close()
        await comparison.close()
    return Moment(player.seq, player.input_count, player.core.bus.state.now)


# --- a subscriber -------------------------------------------------------------------------------------


class _NoState(msgspec.Struct):
    """The state of the component that hears: none of the core's."""


class _WatchedCores(Cores):
    """Cores that each have the listener right before their strategies."""

    _listener: "_Listener"

    def watch(self, listener: "_Listener") -> None:
        """Let the listener hear this core and those that follow it."""
        self._listener = listener
        listener.core = self.core
        bus, hosts = self.core.bus, self.core.hosts
        for host in hosts:
            bus.unregister(host.name)
        bus.register(listener)
        for host in hosts:
            if isinstance(host, ApartHost):
                bus.register(host)
            else:
                bus.register_watching(host)

    def reopen(self, bus: EventBus, opening: Sequence[Event]) -> EventBus:
        super().reopen(bus, opening)
        self.watch(self._listener)
        return self.core.bus


class _Listener:
    """The component that hears for a subscriber, emits nothing and never raises."""

    name = ATTACHED
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, subscriber: Subscriber) -> None:
        self.core: Core
        self.state = _NoState()
        self._subscriber = subscriber
        self._past = PastView(lambda: self.core)
        self._heard = 0
        self._told: list[tuple[Event, str, Value]] = []
        self._failure: tuple[Event, BaseException] | None = None
        self._values: list[AttachedValue] = []

    def subscriptions(self) -> Iterable[Subscription]:
        return [Subscription(kind, self._hear) for kind in self._subscriber.hooks]

    def _hear(self, event: Event) -> None:
        if self._failure is not None:
            return
        self._heard += 1
        try:
            for hook in self._subscriber.hooks[type(event)]:
                self._told += [(event, name, value) for name, value in values_of(hook(event, self._past))]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # isolation: the code is not ours, and may raise anything
            self._failure = event, error

    def take(self, part: Part, *, last_seq: int) -> None:
        """Give what was told in a part its place in the log. Raises ``ComponentError`` if a hook raised."""
        if not self._told and self._failure is None:
            return
        places = _places(part, last_seq=last_seq)
        for event, name, value in self._told:
            seq, number = places.get(id(event), (0, 0))
            self._values.append(AttachedValue(event.ts, seq, number, type(event).__name__, name, value))
        self._told = []
        if self._failure is not None:
            event, error = self._failure
            seq, number = places.get(id(event), (0, 0))
            where = f"seq {seq}" if seq else f"input {number}"
            raise ComponentError(
                f"{self._subscriber.name} fails at {where}, {type(event).__name__} of {iso_utc(event.ts)}: "
                f"{words_of(error)} in {place_of(error)}"
            ) from error

    def result(self, log: str, began: Moment, ended: Moment) -> Attached:
        """All values, with those of the end. Raises ``ComponentError`` if that hook raises."""
        if self._subscriber.end is not None:
            try:
                last = list(values_of(self._subscriber.end(self._past)))
            except Exception as error:  # isolation, as above
                raise ComponentError(
                    f"{self._subscriber.name} fails at the end: {words_of(error)} in {place_of(error)}"
                ) from error
            self._values += [AttachedValue(ended.ts, 0, ended.number, "", *one) for one in last]
        return Attached(
            log=log,
            name=self._subscriber.name,
            began=began,
            ended=ended,
            heard=self._heard,
            values=tuple(self._values),
        )


def _places(part: Part, *, last_seq: int) -> dict[int, tuple[int, int]]:
    """Seq and number of the input of each event of a part, by the identity of the event."""
    found = {id(event): (0, number) for number, event in enumerate(part.inputs, part.first_number)}
    first = last_seq - len(part.records.events) + 1
    for seq, (event, cause) in enumerate(zip(part.records.events, part.records.causes, strict=True), first):
        found[id(event)] = seq, abs(cause)
    return found


# --- a risk rule --------------------------------------------------------------------------------------


class _Checked(msgspec.Struct, frozen=True):
    """An order that the rule checked, and its answer."""

    ts: int
    order: Order
    is_replacement: bool
    denial: Denial | None


class _Rule:
    """The rule of a core that asks another rule, notes its answer, and denies nothing."""

    def __init__(self, attached: AttachedRule) -> None:
        self._name = attached.name
        self._rule: UncheckedRule = attached.rule
        self._heard = 0
        self._checked: list[_Checked] = []
        self._failure: tuple[Order, str] | None = None
        self._denials: list[AttachedDenial] = []

    def added_to(self, plan: Plan) -> Plan:
        """The plan with this rule after its own."""
        own = LoadedModel(RULES, self._name, "", "", {}, self)
        return msgspec.structs.replace(plan, models=(*plan.models, own))

    def check(self, order_check: OrderCheckView) -> Denial | None:
        """The interface of risk rules; always ``None``."""
        if self._failure is not None:
            return None
        order = order_check.order
        try:
            answer = self._rule.check(order_check)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # isolation: the code is not ours, and may raise anything
            self._failure = order, f"{words_of(error)} in {place_of(error)}"
            return None
        if answer is not None and not isinstance(answer, Denial):
            kind = type(answer).__name__
            self._failure = order, f"it answered a value of type {kind}, expected a Denial or None"
            return None
        self._heard += 1
        self._checked.append(_Checked(order_check.ts, order, order_check.is_replacement, answer))
        return None

    def take(self, part: Part, *, last_seq: int) -> None:
        """Give the denials of a part their places. Raises ``ComponentError`` if the rule failed."""
        place = 0
        records, first = part.records, last_seq - len(part.records.events) + 1
        for one in self._checked:
            place = _intent_place(records, place, one.order, is_replacement=one.is_replacement)
            if one.denial is not None:
                self._denials.append(_denial(one, one.denial, records, place=place, first=first))
            place += 1
        self._checked = []
        if self._failure is not None:
            order, words = self._failure
            place = _intent_place(records, place, order, is_replacement=False)
            raise ComponentError(
                f"{self._name} fails at seq {first + place}, the intent of order "
                f"{order.client_order_id}: {words}"
            )

    def result(self, log: str, began: Moment, ended: Moment) -> Attached:
        """All denials."""
        return Attached(
            log=log,
            name=self._name,
            began=began,
            ended=ended,
            heard=self._heard,
            denials=tuple(self._denials),
        )


def _intent_place(records: Records, start: int, order: Order, *, is_replacement: bool) -> int:
    """The place of the next intent of an order: intents are checked in the order of the log."""
    key = order.client_order_id
    for place in range(start, len(records.events)):
        event = records.events[place]
        if isinstance(event, OrderIntent) and not is_replacement and event.order.client_order_id == key:
            return place
        if isinstance(event, ReplaceIntent) and event.client_order_id == key:
            return place
    return start


def _denial(one: _Checked, denial: Denial, records: Records, *, place: int, first: int) -> AttachedDenial:
    order = one.order
    return AttachedDenial(
        ts=one.ts,
        seq=first + place,
        number=abs(records.causes[place]),
        order_id=order.client_order_id,
        strategy=order.strategy,
        symbol=order.symbol,
        order=order_text(order),
        is_replacement=one.is_replacement,
        rule=str(denial.rule),
        reason=str(denial.reason),
        limit=_text(denial.limit),
        value=_text(denial.value),
        recorded=_recorded(records, place, order),
    )


def _recorded(records: Records, place: int, order: Order) -> str:
    """What risk decided of an intent."""
    for event in records.events[place + 1 :]:
        match event:
            case OrderApproved() | ReplaceApproved():
                if event.order.client_order_id == order.client_order_id:
                    return "approved"
            case OrderDenied(rule=rule):
                if event.order.client_order_id == order.client_order_id:
                    return f"denied by {rule}"
            case ReplaceDenied(client_order_id=key, rule=rule) if key == order.client_order_id:
                return f"denied by {rule}"
            case _:
                pass
    return ""


def _text(value: Decimal | float | str) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
