"""What a strategy sees of its own ledger and of the account: ``ctx.portfolio``."""

from decimal import Decimal

import pytest

from components.assembly.core import Core
from components.portfolio.portfolio import PortfolioConfig
from kernel.errors import ComponentError
from kernel.events import (
    AdjustPosition,
    AssetClass,
    CalendarDefined,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    TradingSession,
)
from kernel.identifiers import StrategyId
from kernel.snapshot import put_back, take
from kernel.time_units import DAY_NS, HOUR_NS
from strategies.sdk import Metadata, PortfolioView
from tests.components.sample_core import Scripted, Step, begin, core_with, hear
from tests.kernel.listeners import quote

EURO_SHARE = InstrumentDefined(0, "A", currency="EUR")


class DayTrader(Scripted):
    """A scripted strategy that asks for the day's P&L."""

    metadata = Metadata(name="day_trader", features=("day_pnl",))


def trader(*script: list[Step]) -> DayTrader:
    strategy = DayTrader()
    strategy.script = script
    return strategy


def started(
    *events: Event, config: PortfolioConfig | None = None, **strategies: Scripted
) -> tuple[Core, PortfolioView]:
    """A core that has heard these events, and what its first strategy sees."""
    core = core_with(strategies, portfolio=config)
    begin(core, cash=10_000)
    hear(core, *events)
    return core, core.hosts[0].strategy.ctx.portfolio


def action(ts: int, kind: CorporateActionKind, ratio: str = "1", new_symbol: str = "") -> CorporateAction:
    return CorporateAction(ts, "A", kind, Decimal(ratio), new_symbol=new_symbol)


# --- price, value, P&L ------------------------------------------------------------------------


def test_figures_of_an_open_and_partly_closed_position() -> None:
    strategy = trader([("market", "A", 30, 0)], [], [("market", "A", -10, 0)])

    _, portfolio = started(
        quote(1, "A", 10.0), quote(2, "A", 12.0), quote(3, "A", 13.0), quote(4, "A", 15.0), x=strategy
    )

    bought, sold, last = Decimal("12"), Decimal("15"), Decimal("15")
    assert portfolio.position("A") == 20
    assert portfolio.average_price("A") == bought
    assert portfolio.market_value("A") == 20 * last
    assert portfolio.unrealised_pnl("A") == 20 * (last - bought)
    assert portfolio.realised_pnl("A") == 10 * (sold - bought)
    assert portfolio.equity == 10_000 + 30 * (last - bought)
    assert portfolio.buying_power == portfolio.equity - 20 * last
    assert portfolio.currency == "USD"


def test_all_symbols_are_the_sum_of_each() -> None:
    strategy = trader([("market", "A", 3, 0), ("market", "B", -2, 0)])

    _, portfolio = started(
        quote(1, "B", 50.0),
        quote(2, "A", 10.0),
        quote(3, "B", 50.0),
        quote(4, "A", 11.0),
        quote(5, "B", 40.0),
        x=strategy,
    )

    for figure in (portfolio.market_value, portfolio.unrealised_pnl, portfolio.realised_pnl):
        by_symbol = [figure("A"), figure("B")]
        assert None not in by_symbol
        assert figure() == sum(each for each in by_symbol if each is not None)
    assert portfolio.market_value("B") == -80


def test_a_symbol_that_was_never_traded_has_no_average_price_and_is_worth_nothing() -> None:
    _, portfolio = started(quote(1, "A", 10.0), x=trader())

    assert portfolio.average_price("B") is None
    figures = [portfolio.market_value("B"), portfolio.unrealised_pnl("B"), portfolio.realised_pnl("B")]
    assert [*figures, portfolio.day_pnl("B")] == [0, 0, 0, 0]


def test_figures_are_of_the_strategys_own_ledger_and_equity_is_the_accounts() -> None:
    mine, other = trader([("market", "A", 1, 0)]), trader([("market", "A", 100, 0)])

    _, portfolio = started(quote(1, "A", 10.0), quote(2, "A", 10.0), quote(3, "A", 11.0), x=mine, y=other)

    assert portfolio.unrealised_pnl() == 1
    assert portfolio.equity == 10_101


def test_an_average_price_that_does_not_end_has_ten_places() -> None:
    core, portfolio = started(quote(1, "A", 10.0), x=trader())

    hear(core, AdjustPosition(2, "ops", StrategyId("x"), "A", Decimal(3), Decimal(10), "so"))

    assert portfolio.average_price("A") == Decimal("3.3333333333")


def test_a_futures_market_value_is_its_notional_and_its_average_price_is_a_price() -> None:
    future = InstrumentDefined(
        0, "A", multiplier=Decimal(50), asset_class=AssetClass.FUTURE, margin_rate=Decimal("0.1")
    )
    strategy = trader([("market", "A", 2, 0)])

    _, portfolio = started(
        future, quote(1, "A", 100.0), quote(2, "A", 100.0), quote(3, "A", 101.0), x=strategy
    )

    assert portfolio.average_price("A") == 100
    assert portfolio.market_value("A") == 2 * 50 * 101
    assert portfolio.unrealised_pnl("A") == 100
    assert portfolio.buying_power == 10_100 - Decimal("0.1") * 10_100


# --- what is not known ------------------------------------------------------------------------


def test_without_a_price_what_needs_one_is_not_known() -> None:
    core, portfolio = started(x=trader())

    hear(core, AdjustPosition(1, "ops", StrategyId("x"), "A", Decimal(5), Decimal(50), "so"))

    assert portfolio.average_price("A") == 10
    assert portfolio.realised_pnl() == 0
    unknown = [
        portfolio.market_value(),
        portfolio.unrealised_pnl("A"),
        portfolio.day_pnl(),
        portfolio.buying_power,
    ]
    assert unknown == [None, None, None, None]


def test_a_foreign_figure_is_converted_at_the_last_rate_and_not_known_before_the_first() -> None:
    core, portfolio = started(EURO_SHARE, quote(1, "A", 10.0), x=trader())
    hear(core, AdjustPosition(2, "ops", StrategyId("x"), "A", Decimal(5), Decimal(40), "so"))

    assert [portfolio.market_value(), portfolio.unrealised_pnl(), portfolio.buying_power] == [
        None,
        None,
        None,
    ]

    hear(core, FxRateSet(3, "EUR", "USD", Decimal("1.2")))

    assert portfolio.market_value() == 60
    assert portfolio.unrealised_pnl() == 12
    assert portfolio.average_price("A") == 8  # in the instrument's currency


def test_commissions_and_income_are_figures_of_their_own() -> None:
    core, portfolio = started(quote(1, "A", 10.0), x=trader())

    hear(core, CashMoved(2, Decimal(7), "USD", "dividend", CashFlowKind.DIVIDEND, StrategyId("x"), "A"))

    assert [portfolio.income(), portfolio.commissions(), portfolio.realised_pnl()] == [7, 0, 0]
    assert portfolio.day_pnl() == 7
    assert portfolio.day_pnl("A") == 0


# --- the day ----------------------------------------------------------------------------------


def at(day: int, hour: int = 12, price: float = 10.0, symbol: str = "A") -> Event:
    return quote(day * DAY_NS + hour * HOUR_NS, symbol, price)


def test_the_days_pnl_begins_anew_with_each_trading_day() -> None:
    strategy = trader([("market", "A", 10, 0)], [], [], [("market", "A", -10, 0)])
    core, portfolio = started(at(1, 10), at(1, 11), at(1, 12, 13.0), x=strategy)

    first = portfolio.day_pnl()
    hear(core, at(2, 1, 14.0), at(2, 2, 15.0))

    assert first == 30
    assert portfolio.day_pnl() == portfolio.day_pnl("A") == 20
    assert portfolio.realised_pnl() == 50


def test_the_day_is_that_of_the_calendar_of_the_first_symbol_traded() -> None:
    sessions = tuple(
        TradingSession(day, day * DAY_NS + 14 * HOUR_NS, day * DAY_NS + 21 * HOUR_NS) for day in (1, 2, 3)
    )
    strategy = trader([("market", "A", 10, 0)])
    core, portfolio = started(
        CalendarDefined(0, "X", sessions),
        InstrumentDefined(0, "A", calendar="X"),
        at(1, 15),
        at(1, 16),
        at(1, 20, 12.0),
        at(1, 23, 13.0),
        x=strategy,
    )

    assert portfolio.day_pnl() == 10  # since the close at 21:00
    hear(core, at(2, 2, 14.0))
    assert portfolio.day_pnl() == 20  # midnight ends no trading day


def test_a_strategy_that_did_not_ask_for_the_days_pnl_is_told_how() -> None:
    core, portfolio = started(quote(1, "A", 10.0), x=Scripted())

    with pytest.raises(ComponentError, match=r"features=\(\"day_pnl\",\)"):
        portfolio.day_pnl()
    assert "day_start" not in core.bus.components


def test_the_days_pnl_survives_a_restart() -> None:
    strategy = trader([("market", "A", 10, 0)])
    core, _ = started(at(1, 10), at(1, 11), at(1, 20, 12.0), at(2, 1, 12.5), x=strategy)
    other = core_with({"x": trader()})

    put_back(other.bus, take(core.bus))
    hear(other, at(2, 2, 15.0))

    assert other.hosts[0].strategy.ctx.portfolio.day_pnl() == 30


@pytest.mark.parametrize("ratio", ["1", "2"])
def test_a_new_symbol_takes_its_start_of_the_day_along(ratio: str) -> None:
    strategy = trader([("market", "A", 10, 0)])
    core, portfolio = started(at(1, 10), at(1, 11), at(1, 20, 12.0), at(2, 1, 12.5), x=strategy)

    hear(core, action(core.bus.now, CorporateActionKind.SYMBOL_CHANGE, ratio, "B"))
    hear(core, at(2, 3, 15.0 / int(ratio), "B"))

    assert portfolio.day_pnl("B") == portfolio.day_pnl() == 30
    assert portfolio.day_pnl("A") == 0


def test_a_position_added_to_another_takes_what_was_open_along() -> None:
    strategy = trader([("market", "A", 10, 0), ("market", "B", 10, 0)])
    core, portfolio = started(
        at(1, 9, 10.0, "B"),
        at(1, 10),
        at(1, 11, 10.0, "B"),
        at(1, 20, 12.0),
        at(1, 20, 13.0, "B"),
        at(2),
        x=strategy,
    )

    hear(core, action(core.bus.now, CorporateActionKind.MERGER, "1", "B"), at(2, 3, 14.0, "B"))

    assert portfolio.day_pnl("A") == 0
    assert portfolio.day_pnl("B") == portfolio.day_pnl() == 10 * 2 + 10 * 1


def test_a_split_is_no_gain() -> None:
    strategy = trader([("market", "A", 10, 0)])
    core, portfolio = started(at(1, 10), at(1, 11), at(1, 20, 12.0), at(2, 1, 12.5), x=strategy)

    hear(core, action(core.bus.now, CorporateActionKind.SPLIT, "2"), at(2, 3, 6.5))

    assert portfolio.average_price("A") == 5
    assert portfolio.day_pnl("A") == 20 * Decimal("6.5") - 10 * 12
