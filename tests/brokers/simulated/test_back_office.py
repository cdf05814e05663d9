"""The back office of the simulated broker in a whole core: dividends, funding, fees and interest."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.back_office import rounded_parts
from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.financing import FinancingConfig
from components.assembly.core import Core
from kernel import snapshot
from kernel.corporate_actions import fraction_of
from kernel.events import (
    AdjustPosition,
    AssetClass,
    Bar,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FundingRateSet,
    InstrumentDefined,
    TimerScheduled,
)
from kernel.identifiers import StrategyId
from kernel.rules import FIRST_RULES, RULES
from kernel.time_units import DAY_NS as DAY
from tests.components.account import money
from tests.components.sample_core import begin, core_with, hear, of_type, scripted

NOON = DAY // 2
LONG, SHORT = StrategyId("long"), StrategyId("short")


def core_of(
    financing: Mapping[str, object] | None = None, *, cash: int = 100_000, rules: int = RULES
) -> Core:
    """A core of two strategies that do nothing, with a session that began at noon of the first day."""
    config = msgspec.convert(financing or {}, FinancingConfig, strict=False)
    broker = SimulatedBrokerConfig(financing=config)
    core = core_with({LONG: scripted(), SHORT: scripted()}, broker=broker, rules=rules)
    begin(core, cash=cash, ts=NOON)
    return core


def hold(core: Core, *, price: float = 100.0, **quantities: str) -> None:
    """Positions in A by strategy, and a price for it."""
    ts = core.bus.now
    hear(core, bar(ts, "A", price))
    for strategy, quantity in quantities.items():
        held = Decimal(quantity)
        hear(core, AdjustPosition(ts, "op", StrategyId(strategy), "A", held, held * 100, "test"))


def bar(ts: int, symbol: str, price: float) -> Bar:
    return Bar(ts, symbol, "1d", price, price, price, price, 1.0)


def paid(events: Sequence[Event]) -> dict[str, Decimal]:
    """The payments by strategy."""
    return {moved.strategy: moved.amount for moved in of_type(events, CashMoved)}


def day(core: Core, number: int) -> Sequence[Event]:
    """The events up to just after the end of a day."""
    return hear(core, InstrumentDefined(number * DAY + 1, "other"))


# --- dividends --------------------------------------------------------------------------------------


def dividend(ts: int, amount: str, *, pay_ts: int = 0) -> CorporateAction:
    return CorporateAction(ts, "A", CorporateActionKind.DIVIDEND, amount=Decimal(amount), pay_ts=pay_ts)


def test_longs_receive_a_dividend_and_shorts_pay_it() -> None:
    core = core_of()
    hold(core, long="100", short="-40")

    events = hear(core, dividend(DAY, "0.22"))

    assert paid(events) == {LONG: Decimal("22.00"), SHORT: Decimal("-8.80")}
    assert {moved.kind for moved in of_type(events, CashMoved)} == {CashFlowKind.DIVIDEND}


def test_a_dividend_reaches_the_cash_of_the_account() -> None:
    core = core_of()
    hold(core, long="100")
    before = core.portfolio.cash

    hear(core, dividend(DAY, "0.22"))

    assert core.portfolio.cash - before == 22


def test_a_dividend_is_paid_at_its_pay_date_to_holders_before_it() -> None:
    core = core_of()
    hold(core, long="100")

    declared = hear(core, dividend(DAY, "0.22", pay_ts=5 * DAY))
    hear(core, AdjustPosition(2 * DAY, "op", LONG, "A", Decimal(0), Decimal(0), "sold"))
    before = day(core, 4)
    after = day(core, 5)

    assert not of_type(declared, CashMoved)
    assert not of_type(before, CashMoved)
    assert paid(after) == {LONG: Decimal("22.00")}
    assert of_type(after, CashMoved)[0].ts == 5 * DAY


def test_two_dividends_that_wait_are_both_paid() -> None:
    core = core_of()
    hold(core, long="100")

    hear(core, dividend(DAY, "0.10", pay_ts=5 * DAY), dividend(DAY, "0.05", pay_ts=5 * DAY))
    events = day(core, 5)

    assert [moved.amount for moved in of_type(events, CashMoved)] == [Decimal("10.00"), Decimal("5.00")]


def test_without_a_position_nothing_is_paid() -> None:
    core = core_of()

    events = hear(core, dividend(DAY, "0.22", pay_ts=5 * DAY))

    assert not events


def test_a_dividend_without_a_currency_is_in_that_of_the_instrument() -> None:
    core = core_of()
    hear(core, InstrumentDefined(NOON, "A", currency="EUR"))
    hold(core, long="100")

    events = hear(
        core, CorporateAction(DAY, "A", CorporateActionKind.DIVIDEND, amount=Decimal(2), currency="")
    )

    assert [(moved.amount, moved.currency) for moved in of_type(events, CashMoved)] == [(Decimal(200), "EUR")]


def test_the_cash_of_a_merger_without_a_currency_is_in_that_of_the_instrument() -> None:
    core = core_of()
    hear(core, InstrumentDefined(NOON, "A", currency="EUR"))
    hold(core, long="100")
    kind = CorporateActionKind.MERGER

    events = hear(core, CorporateAction(DAY, "A", kind, Decimal(0), Decimal(2), currency=""))

    assert [(moved.amount, moved.currency) for moved in of_type(events, CashMoved)] == [(Decimal(200), "EUR")]


def test_a_dividend_counts_in_equity_from_its_ex_date_and_buys_nothing_until_it_is_paid() -> None:
    core = core_of()
    hold(core, long="100", short="-40")
    equity, power = core.portfolio.equity, core.portfolio.buying_power

    hear(core, dividend(DAY, "0.50", pay_ts=5 * DAY))
    owed = core.portfolio.equity - equity, core.portfolio.income, core.portfolio.buying_power - power
    day(core, 5)

    assert owed == money(30, 30, 0)
    assert (core.portfolio.equity - equity, core.portfolio.income) == money(30, 30)
    assert core.portfolio.buying_power - power == 30


def test_in_older_logs_a_dividend_counts_when_it_is_paid() -> None:
    core = core_of(rules=FIRST_RULES)
    hold(core, long="100")
    equity = core.portfolio.equity

    hear(core, dividend(DAY, "0.50", pay_ts=5 * DAY))

    assert core.portfolio.equity == equity


@pytest.mark.parametrize("is_split_first", [True, False])
def test_a_dividend_is_for_the_shares_from_before_a_split_of_the_same_moment(is_split_first: bool) -> None:
    core = core_of()
    hold(core, long="100", price=50.0)
    actions = [CorporateAction(DAY, "A", CorporateActionKind.SPLIT, Decimal(2)), dividend(DAY, "0.50")]

    events = hear(core, *(actions if is_split_first else reversed(actions)))

    assert paid(events) == {LONG: Decimal("50.00")}
    assert core.portfolio.strategy_position(LONG, "A") == 200


def test_a_dividend_after_the_day_of_a_split_is_for_all_shares() -> None:
    core = core_of()
    hold(core, long="100", price=50.0)
    hear(core, CorporateAction(DAY, "A", CorporateActionKind.SPLIT, Decimal(2)))

    assert paid(hear(core, dividend(2 * DAY, "0.50"))) == {LONG: Decimal("100.00")}


# --- spin-offs ----------------------------------------------------------------------------------------


def spin_off(ratio: str, *, cost_fraction: str = "0", amount: str = "0") -> CorporateAction:
    kind, fraction = CorporateActionKind.SPIN_OFF, Decimal(cost_fraction)
    terms = Decimal(ratio), Decimal(amount)
    return CorporateAction(DAY, "A", kind, *terms, new_symbol="B", cost_fraction=fraction)


def test_a_spin_off_gives_whole_shares_and_cash_for_the_rest_and_leaves_the_old_ones() -> None:
    core = core_of()
    hold(core, long="101", short="-30")
    hear(core, bar(NOON, "B", 40.0))

    events = hear(core, spin_off("0.5", amount="0.10"))

    held = {name: core.portfolio.strategy_positions(name) for name in (LONG, SHORT)}
    assert held == {LONG: {"A": 101, "B": 50}, SHORT: {"A": -30, "B": -15}}
    assert [(one.strategy, one.amount, one.symbol) for one in of_type(events, CashMoved)] == [
        (LONG, Decimal("10.10"), "A"),
        (SHORT, Decimal("-3.00"), "A"),
        (LONG, Decimal("20.00"), "B"),
    ]


@pytest.mark.parametrize(("fraction", "costs"), [("0", money(10_000, 0)), ("0.2", money(8_000, 2_000))])
def test_a_spin_off_moves_the_given_part_of_the_cost(fraction: str, costs: tuple[Decimal, ...]) -> None:
    core = core_of()
    hold(core, long="100")

    hear(core, spin_off("1", cost_fraction=fraction))

    positions = core.portfolio.state.positions[LONG]
    assert (positions["A"].cost, positions["B"].cost) == costs
    assert positions["A"].realised_pnl == positions["B"].realised_pnl == 0


# --- splits and mergers -------------------------------------------------------------------------------


def test_a_fraction_after_a_reverse_split_is_paid_at_the_price_after_it() -> None:
    core = core_of()
    hold(core, long="105", short="-25", price=8.0)

    events = hear(core, CorporateAction(DAY, "A", CorporateActionKind.SPLIT, ratio=Decimal("0.1")))

    # 10.5 and -2.5 shares at 80.00
    assert paid(events) == {LONG: Decimal("40.00"), SHORT: Decimal("-40.00")}
    assert {moved.kind for moved in of_type(events, CashMoved)} == {CashFlowKind.CASH_IN_LIEU}
    assert core.portfolio.strategy_position(LONG, "A") == 10
    assert core.portfolio.strategy_position(SHORT, "A") == -2


def test_a_split_without_fractions_pays_nothing() -> None:
    core = core_of()
    hold(core, long="105")

    events = hear(core, CorporateAction(DAY, "A", CorporateActionKind.SPLIT, ratio=Decimal(2)))

    assert not of_type(events, CashMoved)


def test_a_split_that_pays_a_fraction_leaves_equity_as_it_was() -> None:
    core = core_of()
    hold(core, long="105", price=8.0)
    before = core.portfolio.equity

    hear(core, CorporateAction(DAY, "A", CorporateActionKind.SPLIT, ratio=Decimal("0.1")))

    assert core.portfolio.equity == before


def test_a_merger_pays_cash_a_share_and_for_fractions_of_the_new_share() -> None:
    core = core_of()
    hold(core, long="101", price=50.0)
    hear(core, bar(DAY, "B", 60.0))

    events = hear(core, merger(DAY, ratio="0.5", amount="20", new_symbol="B"))

    # 101 * 20.00, and half a share of B at 60.00
    assert [moved.amount for moved in of_type(events, CashMoved)] == [Decimal("2020.00"), Decimal("30.00")]


def test_a_fraction_of_a_share_without_a_price_is_paid_by_the_price_of_the_old_share() -> None:
    core = core_of()
    hold(core, long="101", price=50.0)

    events = hear(core, merger(DAY, ratio="0.5", amount="20", new_symbol="B"))

    assert of_type(events, CashMoved)[1].amount == Decimal("30.00")  # half of (50 - 20) / 0.5


def test_a_merger_for_cash_alone_pays_for_every_share() -> None:
    core = core_of()
    hold(core, long="101", price=50.0)

    events = hear(core, merger(DAY, ratio="1", amount="52.5", new_symbol=""))

    assert paid(events) == {LONG: Decimal("5302.50")}
    assert not core.portfolio.net_position("A")


def merger(ts: int, *, ratio: str, amount: str, new_symbol: str) -> CorporateAction:
    return CorporateAction(
        ts,
        "A",
        CorporateActionKind.MERGER,
        ratio=Decimal(ratio),
        amount=Decimal(amount),
        new_symbol=new_symbol,
    )


@pytest.mark.parametrize(
    ("quantity", "lot", "fraction"),
    [
        ("10.5", "1", "0.5"),
        ("-10.5", "1", "-0.5"),
        ("99.99999999", "1", "0"),
        ("100.00000001", "1", "0"),
        ("0.123456", "0.001", "0.000456"),
        ("7", "5", "2"),
    ],
)
def test_a_fraction_is_the_part_beyond_whole_lots(quantity: str, lot: str, fraction: str) -> None:
    assert fraction_of(Decimal(quantity), Decimal(lot)) == Decimal(fraction)


# --- funding --------------------------------------------------------------------------------------------


def perpetual(core: Core) -> None:
    """A is a perpetual of which a unit is a tenth of a coin."""
    terms = InstrumentDefined(core.bus.now, "A", AssetClass.PERPETUAL, "USDT", multiplier=Decimal("0.1"))
    hear(core, terms)


def test_longs_pay_positive_funding_to_shorts_when_it_is_due() -> None:
    core = core_of()
    perpetual(core)
    hold(core, long="30", short="-30", price=60_000.0)

    announced = hear(core, FundingRateSet(DAY - 1, "A", Decimal("0.0001"), DAY))
    events = hear(core, bar(DAY, "A", 50_000.0), bar(DAY + 1, "A", 70_000.0))

    # 30 * 0.1 * 50,000 * 0.0001, at the price when it was due
    assert not of_type(announced, CashMoved)
    assert paid(events) == {LONG: Decimal(-15), SHORT: Decimal(15)}
    assert {(moved.kind, moved.currency) for moved in of_type(events, CashMoved)} == {
        (CashFlowKind.FUNDING, "USDT")
    }


def test_funding_that_is_due_follows_a_new_symbol() -> None:
    core = core_of()
    perpetual(core)
    hold(core, long="30", short="-30", price=60_000.0)
    hear(core, FundingRateSet(DAY - 2, "A", Decimal("0.0001"), DAY))

    hear(core, CorporateAction(DAY - 1, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="N"))
    events = hear(core, bar(DAY, "N", 50_000.0), bar(DAY + 1, "N", 70_000.0))

    assert paid(events) == {LONG: Decimal(-15), SHORT: Decimal(15)}


def test_shorts_pay_negative_funding() -> None:
    core = core_of()
    perpetual(core)
    hold(core, long="30", short="-30", price=50_000.0)

    events = hear(core, FundingRateSet(DAY, "A", Decimal("-0.0001"), DAY))

    assert paid(events) == {LONG: Decimal(15), SHORT: Decimal(-15)}


def test_a_rate_that_is_set_again_before_it_is_due_counts() -> None:
    core = core_of()
    perpetual(core)
    hold(core, long="30", price=50_000.0)

    hear(core, FundingRateSet(DAY - 2, "A", Decimal("0.0001"), DAY))
    hear(core, FundingRateSet(DAY - 1, "A", Decimal("0.0002"), DAY))
    events = day(core, 1)

    assert paid(events) == {LONG: Decimal(-30)}


def test_a_rate_is_paid_once_however_often_it_is_reported() -> None:
    core = core_of()
    perpetual(core)
    hold(core, long="30", price=50_000.0)
    rate = FundingRateSet(DAY, "A", Decimal("0.0001"), DAY)

    first, second = hear(core, rate), hear(core, rate)

    assert paid(first) == {LONG: Decimal(-15)}
    assert not of_type(second, CashMoved)


def test_the_next_interval_may_be_announced_before_this_one_is_paid() -> None:
    core = core_of()
    perpetual(core)
    hold(core, long="30", price=50_000.0)

    hear(core, FundingRateSet(DAY - 1, "A", Decimal("0.0001"), DAY))
    hear(core, FundingRateSet(DAY, "A", Decimal("0.0003"), 2 * DAY))
    first, second = day(core, 1), day(core, 2)

    assert (paid(first), paid(second)) == ({LONG: Decimal(-15)}, {LONG: Decimal(-45)})


# --- what accrues by the day ----------------------------------------------------------------------------


def test_a_short_position_pays_its_borrow_fee_every_day() -> None:
    core = core_of()
    hear(core, InstrumentDefined(NOON, "A", borrow_rate=Decimal("0.072")))
    hold(core, short="-100", price=50.0)

    first, second = day(core, 1), day(core, 2)

    # 100 * 50.00 * 7.2 % / 360
    assert paid(first) == {SHORT: Decimal(-1)}
    assert paid(second) == {SHORT: Decimal(-1)}
    assert of_type(first, CashMoved)[0].ts == DAY


def test_shares_that_another_strategy_is_long_are_not_borrowed() -> None:
    core = core_of()
    hear(core, InstrumentDefined(NOON, "A", borrow_rate=Decimal("0.072")))
    hold(core, long="60", short="-100", price=50.0)

    events = day(core, 1)

    assert paid(events) == {SHORT: Decimal("-0.4")}


def test_days_without_market_data_are_charged_too() -> None:
    core = core_of()
    hear(core, InstrumentDefined(NOON, "A", borrow_rate=Decimal("0.072")))
    hold(core, short="-100", price=50.0)

    events = day(core, 4)

    assert sum(moved.amount for moved in of_type(events, CashMoved)) == -4


def test_a_negative_balance_pays_interest_and_a_positive_one_earns_it() -> None:
    rates = {"USD": {"debit": "0.072", "credit": "0.036"}}
    rich, poor = core_of({"interest": rates}, cash=10_000), core_of({"interest": rates}, cash=-10_000)

    earned, charged = day(rich, 1), day(poor, 1)

    assert paid(earned) == {"": Decimal(1)}
    assert paid(charged) == {"": Decimal(-2)}


def test_the_proceeds_of_short_sales_earn_no_interest() -> None:
    core = core_of({"interest": {"USD": {"credit": "0.036"}}}, cash=10_000)
    hold(core, short="-100", price=50.0)

    events = day(core, 1)

    assert paid(events) == {"": Decimal("0.5")}  # of 10,000 less the 5,000 that secure the short position


def test_a_year_may_have_365_days() -> None:
    core = core_of({"interest": {"USD": {"credit": "0.0365", "day_count": 365}}}, cash=10_000)

    events = day(core, 1)

    assert paid(events) == {"": Decimal(1)}


def test_days_are_charged_at_the_configured_time() -> None:
    rates = {"USD": {"credit": "0.036"}}
    core = core_of({"interest": rates, "accrual_s": 79_200}, cash=10_000)

    events = day(core, 1)

    assert of_type(events, CashMoved)[0].ts == 79_200 * 1_000_000_000


def test_by_default_nothing_accrues_and_no_timer_runs() -> None:
    core = core_of()
    hold(core, long="100", short="-200")

    events = hear(core, InstrumentDefined(NOON, "A"))

    assert not of_type(events, TimerScheduled)
    assert not of_type(day(core, 9), CashMoved)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"interest": {"USD": {"debit": "NaN"}}}, "debit: NaN"),
        ({"interest": {"USD": {"day_count": 30}}}, "day_count: 30"),
        ({"interest": {"USD": {"debits": 1}}}, "debits"),
        ({"borrow_day_count": 0}, "borrow_day_count: 0"),
        ({"accrual_s": 86_400}, "accrual_s: 86400"),
    ],
)
def test_financing_without_sense_is_refused_by_name(config: dict[str, object], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(config, FinancingConfig, strict=False)


# --- exactness --------------------------------------------------------------------------------------------

amounts = st.decimals("-100000", "100000", places=7)


@given(parts=st.lists(amounts, max_size=8), places=st.integers(0, 8))
def test_rounded_parts_add_up_to_the_rounded_whole(parts: list[Decimal], places: int) -> None:
    step = Decimal(1).scaleb(-places)

    rounded = rounded_parts(parts, step)

    assert sum(rounded, Decimal(0)) == sum(parts, Decimal(0)).quantize(step)
    assert all(abs(part - exact) <= step for part, exact in zip(rounded, parts, strict=True))


@given(
    quantity=st.decimals("0.001", "9999", places=3),
    price=st.floats(0.001, 90_000),
    rate=st.decimals("-0.0075", "0.0075", places=8),
    amount=st.decimals("0", "9", places=4),
)
def test_longs_receive_what_shorts_pay(
    quantity: Decimal, price: float, rate: Decimal, amount: Decimal
) -> None:
    core = core_of()
    hold(core, long=str(quantity), short=str(-quantity), price=price)

    events = [
        *hear(core, FundingRateSet(DAY, "A", rate, DAY)),
        *hear(core, dividend(DAY, str(amount))),
        *hear(core, CorporateAction(DAY, "A", CorporateActionKind.SPLIT, ratio=Decimal("0.3"))),
    ]

    assert sum(moved.amount for moved in of_type(events, CashMoved)) == 0


def test_a_snapshot_anywhere_changes_nothing() -> None:
    rates = {"interest": {"USD": {"debit": "0.05", "credit": "0.01"}}}
    story: list[Event] = [
        InstrumentDefined(NOON, "A", AssetClass.PERPETUAL, borrow_rate=Decimal("0.1")),
        InstrumentDefined(NOON, "B", borrow_rate=Decimal("0.1")),
        bar(NOON, "A", 100.0),
        bar(NOON, "B", 100.0),
        AdjustPosition(NOON, "op", LONG, "A", Decimal(7), Decimal(700), "test"),
        AdjustPosition(NOON, "op", SHORT, "B", Decimal(-9), Decimal(-900), "test"),
        dividend(DAY, "0.33", pay_ts=3 * DAY),
        FundingRateSet(DAY, "A", Decimal("0.0003"), 2 * DAY),
        bar(2 * DAY, "A", 120.0),
        bar(5 * DAY, "A", 90.0),
    ]
    whole = core_of(rates)
    expected = [event for one in story for event in hear(whole, one)]

    for cut in range(len(story)):
        first, second = core_of(rates), core_of(rates)
        events = [event for one in story[:cut] for event in hear(first, one)]
        snapshot.put_back(second.bus, snapshot.take(first.bus))
        events += [event for one in story[cut:] for event in hear(second, one)]

        assert events == expected
