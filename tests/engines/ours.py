"""Runs an order script here: the same steps, through a strategy, the whole core and the simulated venue."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from kernel.events import (
    AccountMarked,
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    Order,
    OrderFilled,
    OrderIntent,
    OrderType,
    TimeInForce,
)
from kernel.identifiers import ClientOrderId
from kernel.time_units import DAY_NS, SECOND_NS
from replay.config import ReplayConfig
from replay.equity import day_of as day_of_mark
from replay.results import RunResult, read_results
from strategies.sdk import (
    Cancel,
    Decision,
    OneCancelsOther,
    OneTriggersOther,
    PlaceOrder,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
)
from tests.engines.order_script import EngineFill, Row, Step, Task
from tests.replay.playing import derived_of, record_run, store_of

MATCHING_TYPES = {kind.value: kind for kind in OrderType}


class Progress(StrategyState):
    """Bars seen by symbol."""

    seen: dict[str, int] = msgspec.field(default_factory=dict[str, int])


class Script(StrategyParams, frozen=True):
    """The steps to take."""

    steps: tuple[Step, ...] = ()


class ScriptedOrders(Strategy[Script, Progress]):
    """Takes the steps of its script, each at the close of its bar."""

    def on_bar(self, bar: Bar) -> Iterator[Decision]:
        index = self.state.seen.get(bar.symbol, 0)
        self.state.seen[bar.symbol] = index + 1
        steps = [step for step in self._at(index) if step.symbol == bar.symbol]
        paired = {step.oco: step for step in steps if step.oco}
        for step in steps:
            if step.do == "cancel":
                yield from self._cancel(step)
            elif step.name in paired:
                others = (self._order(step, bar), self._order(paired[step.name], bar))
                yield OneCancelsOther(others)
            elif not step.oco:
                yield self._with_exits(step, bar)

    def _at(self, index: int) -> list[Step]:
        return self._by_bar().get(index, [])

    def _by_bar(self) -> dict[int, list[Step]]:
        steps: dict[int, list[Step]] = {}
        for step in self.params.steps:
            steps.setdefault(step.bar, []).append(step)
        return steps

    def _cancel(self, step: Step) -> Iterator[Decision]:
        for order in self.ctx.portfolio.open_orders():
            if order.tag == step.name:
                yield Cancel(order.client_order_id)

    def _with_exits(self, step: Step, bar: Bar) -> Decision:
        """An order and its exits. Those of other engines also open positions, unlike attached ones here."""
        leave = sell if step.side == "buy" else buy
        exits: list[PlaceOrder] = []
        if step.stop_loss is not None:
            exits.append(leave(step.symbol, step.quantity, stop=step.stop_loss, tag=step.name))
        if step.take_profit is not None:
            exits.append(leave(step.symbol, step.quantity, limit=step.take_profit, tag=step.name))
        order = self._order(step, bar)
        if len(exits) > 1:
            return OneTriggersOther(order, (OneCancelsOther(tuple(exits)),))
        return OneTriggersOther(order, tuple(exits)) if exits else order

    def _order(self, step: Step, bar: Bar) -> PlaceOrder:
        send = buy if step.side == "buy" else sell
        lasts = step.days is not None
        return send(
            step.symbol,
            step.quantity,
            limit=step.limit,
            stop=step.stop,
            order_type=MATCHING_TYPES[step.type],
            time_in_force=TimeInForce.GTD if lasts else TimeInForce.GTC,
            expire_ts=bar.ts + (step.days or 0) * DAY_NS + 1 if lasts else 0,
            tag=step.name,
        )


class OurRun(msgspec.Struct, frozen=True):
    """What came of a task here."""

    fills: tuple[EngineFill, ...]
    result: RunResult
    paid_equity: tuple[float, ...]
    """Equity at the last mark of every day, with dividends from the day on which they are paid."""


async def run_task(task: Task, config: ReplayConfig) -> OurRun:
    """Play the task's bars and corporate actions under a configuration."""
    bars = task.bars if isinstance(task.bars, dict) else {"X": task.bars}
    streams: dict[str, Sequence[Event]] = {
        f"{symbol.lower()}_1d": [bar_of(symbol, row) for row in rows] for symbol, rows in bars.items()
    }
    actions = actions_of(task)
    if actions:
        streams["actions"] = actions
    store = await store_of(**streams)
    strategy = ScriptedOrders(steps=task.steps)
    run = await record_run(store, [strategy], msgspec.structs.replace(config, cash=Decimal(repr(task.cash))))
    derived = await derived_of(store, run)
    index_of = {row[0]: at for rows in bars.values() for at, row in enumerate(rows)}
    names = {
        event.order.client_order_id: name_of(event.order)
        for event in derived
        if isinstance(event, OrderIntent)
    }
    fills = [_fill(event, names, index_of) for event in derived if isinstance(event, OrderFilled)]
    marks = {day_of_mark(event): event for event in derived if isinstance(event, AccountMarked)}
    paid = tuple(float(mark.equity - mark.owed) for mark in marks.values())
    return OurRun(tuple(fills), await read_results(store, run), paid)


def bar_of(symbol: str, row: Row) -> Bar:
    """A day's bar, known at its end."""
    opened = start_of(row[0])
    return Bar(opened + DAY_NS - 1, symbol, "1d", *row[1:], opened)


def actions_of(task: Task) -> list[CorporateAction]:
    """Splits and dividends at the beginning of their day; a zipline ratio is old shares per new."""
    splits = [
        CorporateAction(start_of(day), symbol, CorporateActionKind.SPLIT, Decimal(repr(round(1 / ratio, 6))))
        for day, symbol, ratio in task.splits
    ]
    dividends = [
        CorporateAction(
            start_of(ex),
            symbol,
            CorporateActionKind.DIVIDEND,
            amount=Decimal(repr(amount)),
            pay_ts=start_of(pay) + DAY_NS // 2,
        )
        for ex, pay, symbol, amount in task.dividends
    ]
    return sorted([*splits, *dividends], key=lambda action: action.ts)


def start_of(day: str) -> int:
    """Midnight UTC, ns."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND_NS


def day_of(ts: int) -> str:
    """The date of a moment, UTC."""
    return datetime.fromtimestamp(ts // SECOND_NS, UTC).date().isoformat()


def name_of(order: Order) -> str:
    """The step's name; an attached exit is told by its type."""
    if order.parent_id:
        return f"{order.tag}/{'stop' if order.order_type is OrderType.STOP else 'limit'}"
    return order.tag


def _fill(fill: OrderFilled, names: dict[ClientOrderId, str], index_of: dict[str, int]) -> EngineFill:
    return EngineFill(
        index_of[day_of(fill.ts)], names[fill.client_order_id], float(fill.quantity), float(fill.price)
    )
