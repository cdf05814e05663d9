"""Calendars, corporate actions and exchange rates in runs: what is read, in which order, and on record."""

from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from components.assembly.instruments import InstrumentConfig
from eventstore import EventStore
from eventstore.story import read_story
from kernel.errors import ConfigError
from kernel.events import (
    CalendarDefined,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    OrderType,
    SignalRaised,
    TimeInForce,
    VenueDeclared,
    VenueFeature,
)
from kernel.time_units import DAY_NS
from replay import backtest
from replay.backtesting import from_instance
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    PlaceOrder,
    RiskLimits,
    Side,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
)
from tests.replay.market import walk, write_csv
from tests.replay.playing import START, read_events, record_run, store_of


class Closes(Strategy[StrategyParams, StrategyState]):
    """Says at each bar which closes it sees: a signal's reason."""

    metadata = Metadata(name="closes")

    def bars_needed(self) -> int:
        return 3

    def on_bar(self, bar: Bar) -> Decisions:
        seen = self.ctx.history(bar.symbol, 3)
        last = self.ctx.last_price(bar.symbol)
        return Signal(bar.symbol, SignalDirection.FLAT, 0.0, f"{[one.close for one in seen]} {last}")


class Trader(Strategy[StrategyParams, StrategyState]):
    """Takes a position at its first bar."""

    metadata = Metadata(name="trader")
    quantity: int = 0

    def on_bar(self, bar: Bar) -> Decisions:
        if self.ctx.portfolio.position(bar.symbol) or self.ctx.portfolio.open_orders():
            return None
        side = Side.BUY if self.quantity > 0 else Side.SELL
        return PlaceOrder(bar.symbol, side, abs(self.quantity))


def trader(quantity: int) -> Trader:
    """One who takes this position, below 0 a short one."""
    Trader.quantity = quantity
    return Trader()


def split(day: int, ratio: int = 2, symbol: str = "A") -> CorporateAction:
    """A split that takes effect as the day begins."""
    return CorporateAction(START + day * DAY_NS, symbol, CorporateActionKind.SPLIT, Decimal(ratio))


def rate(day: int) -> FxRateSet:
    return FxRateSet(START + day * DAY_NS, "EUR", "USD", Decimal("1.1"))


async def planned(
    store: EventStore, *streams: str, start: str | None = None
) -> tuple[int, int, tuple[str, ...]]:
    """First moment, last moment and symbols of a plan over these streams."""
    config = ReplayConfig(streams=streams, start=start)
    plan = await plan_run(store, config, loaded=[from_instance(Closes())])
    return plan.start_ts, plan.end_ts, plan.symbols


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, SignalRaised)]


# --- which facts a run reads ------------------------------------------------------------------


async def test_facts_from_outside_the_market_s_period_do_not_lengthen_a_run() -> None:
    bars = walk("A", 10, seed=1)
    store = await store_of(a_1d=bars, a_actions=[split(-500), split(5), split(500)])

    alone, beside = await planned(store, "a.1d"), await planned(store, "a.1d", "a.actions")

    assert alone == beside == (bars[0].ts, bars[-1].ts, ("A",))


async def test_the_exchange_rate_of_the_week_before_is_read() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=1), eurusd_fx=[rate(-30), rate(-2), rate(3)])

    start_ts, _, _ = await planned(store, "a.1d", "eurusd.fx")

    assert start_ts == rate(-2).ts


async def test_from_holds_for_facts_too_but_for_the_rate_that_holds_then() -> None:
    store = await store_of(
        a_1d=walk("A", 20, seed=1), a_actions=[split(3)], eurusd_fx=[rate(2), rate(9), rate(15)]
    )

    without_rates, _, _ = await planned(store, "a.1d", "a.actions", start="2004-01-11")
    with_rates, _, _ = await planned(store, "a.1d", "a.actions", "eurusd.fx", start="2004-01-11")

    assert (without_rates, with_rates) == (START + 11 * DAY_NS - 1, rate(9).ts)


async def test_actions_of_other_shares_bring_no_symbols_into_a_run() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=1), all_actions=[split(2, symbol="B"), split(3)])

    _, _, symbols = await planned(store, "a.1d", "all.actions")

    assert symbols == ("A",)


# --- calendars ------------------------------------------------------------------------------------


async def test_a_run_begins_with_the_sessions_of_its_instruments_calendars() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=1), b_1d=walk("B", 10, seed=2))
    instruments = tuple(InstrumentConfig(symbol=symbol, calendar="XNYS") for symbol in ("A", "B"))

    run = await record_run(store, [Closes()], ReplayConfig(instruments=instruments))

    events = await read_events(store, run)
    (calendar,) = [event for event in events if isinstance(event, CalendarDefined)]
    assert (calendar.sessions[0].day, calendar.sessions[-1].day) == (20031201, 20040312)
    assert [event.calendar for event in events if isinstance(event, InstrumentDefined)] == ["XNYS", "XNYS"]
    assert (await verify_run(store, run)).run_stream == run


async def test_a_run_without_calendars_begins_as_it_ever_did() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=1))

    run = await record_run(store, [Closes()])

    events = await read_events(store, run)
    assert not [event for event in events if isinstance(event, CalendarDefined | VenueDeclared)]
    assert [event for event in events if isinstance(event, InstrumentDefined)] == [
        InstrumentDefined(events[0].ts, "A")
    ]


async def test_what_the_venue_shall_not_take_is_declared() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=1))
    broker = SimulatedBrokerConfig(lacks=("trailing_stop", "fok", "oco"))

    run = await record_run(store, [Closes()], ReplayConfig(broker=broker))

    (declared,) = [event for event in await read_events(store, run) if isinstance(event, VenueDeclared)]
    assert OrderType.TRAILING_STOP not in declared.order_types
    assert TimeInForce.FOK not in declared.times_in_force
    assert VenueFeature.OCO not in declared.features
    assert OrderType.STOP in declared.order_types


async def test_an_unknown_calendar_leaves_no_run_behind() -> None:
    store = await store_of(a_1d=walk("A", 10, seed=1))
    config = ReplayConfig(instruments=(InstrumentConfig(symbol="A", calendar="XNYX"),))

    with pytest.raises(ConfigError, match="'XNYX' is unknown"):
        await record_run(store, [Closes()], config)

    assert [info.stream for info in await store.streams()] == ["a.1d"]


# --- corporate actions ----------------------------------------------------------------------------


async def test_a_strategy_sees_history_on_the_terms_of_the_day_and_bars_as_they_came() -> None:
    closes = {day: bar.close for day, bar in enumerate(walk("A", 3, seed=1)) if isinstance(bar, Bar)}
    store = await store_of(a_1d=walk("A", 3, seed=1), a_actions=[split(1)])

    run = await record_run(store, [Closes()])

    halved = closes[0] / 2
    assert reasons(await read_events(store, run)) == [
        f"{[closes[0]]} {closes[0]}",
        f"{[halved, closes[1]]} {closes[1]}",
        f"{[halved, closes[1], closes[2]]} {closes[2]}",
    ]


async def test_an_action_is_heard_before_the_bar_of_its_ex_date() -> None:
    bars = walk("A", 3, seed=1)
    store = await store_of(a_1d=bars, a_actions=[split(1)])
    run = await record_run(store, [Closes()])

    async with aclosing(read_story(store, run)) as story:
        told = [event async for batch in story for event in batch.events]

    assert [type(event) for event in told if isinstance(event, Bar | CorporateAction)] == [
        Bar,
        CorporateAction,
        Bar,
        Bar,
    ]


def test_backtest_reads_actions_beside_files_of_bars(tmp_path: Path) -> None:
    bars = walk("A", 3, seed=1)
    write_csv(tmp_path / "a.csv", bars)
    ex_date = datetime.fromtimestamp(split(1).ts // 10**9, tz=UTC).date()
    (tmp_path / "actions.csv").write_text(f"symbol,ex_date,type,ratio\nA,{ex_date},split,2\n")

    plain = backtest(Closes(), tmp_path / "a.csv")
    adjusted = backtest(Closes(), tmp_path / "a.csv", actions=[tmp_path / "actions.csv"])

    assert plain.result.digest != adjusted.result.digest


@pytest.mark.parametrize(("amount", "equity"), [("0", 9_600), ("0.00", 9_600), ("", 9_800)])
@pytest.mark.parametrize("quantity", [100, -100])
def test_a_share_that_is_delisted_for_nothing_is_worth_nothing(
    tmp_path: Path, amount: str, equity: int, quantity: int
) -> None:
    """100 shares at 4, whose last price is 2; without an amount they close at 2."""
    bars = tmp_path / "bust.csv"
    rows = ["2024-01-02,5,5,5,5,9", "2024-01-03,4,4,4,4,9", "2024-01-04,2,2,2,2,9", "2024-01-05,2,2,2,2,9"]
    bars.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows]), encoding="utf-8")
    actions = tmp_path / "actions.csv"
    header = "symbol,ex_date,type,amount"
    actions.write_text(f"{header}\nBUST,2024-01-05,delisting,{amount}\n", encoding="utf-8")
    risk = RiskLimits(require_cash=False, allow_short=True)

    result = backtest(trader(quantity), data=bars, actions=actions, cash=10_000, risk=risk)

    change = (equity - 10_000) * (1 if quantity > 0 else -1)
    assert result.metrics.final_equity == 10_000 + change
    assert [float(trade.exit_price) for trade in result.trades] == [0.0 if amount else 2.0]
