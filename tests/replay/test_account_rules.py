"""Cash, margin and costs: what an account may owe, and what the broker does about it."""

import re
from decimal import Decimal

import pytest

from components.portfolio.option_margin import short_option_margin
from kernel.errors import ConfigError
from kernel.events import (
    AssetClass,
    ConfigLoaded,
    InstrumentDefined,
    OrderCancelled,
    OrderDenied,
    OrderFilled,
    OrderRejected,
    RiskLimitBreached,
    TradingState,
    TradingStateChanged,
)
from kernel.rules import FIRST_RULES
from tests.replay.account_script import Act, Played, days, played

SHORTS = {"cash": 10_000, "risk": {"allow_short": True}}
LEVERED = {
    "cash": 10_000,
    "risk": {"require_cash": False},
    "instruments": [{"symbol": "A", "margin_rate": "0.5", "maintenance_margin_rate": "0.25"}],
}
FEE = {"cash": 10_000, "broker": {"commission_rate": "0.001"}}


def fills(run: Played) -> list[tuple[str, str, Decimal, Decimal]]:
    return [(one.symbol, one.side.value, one.quantity, one.price) for one in run.of(OrderFilled)]


def denials(run: Played) -> list[str]:
    return [one.rule for one in run.of(OrderDenied)]


# --- buying back ----------------------------------------------------------------------------------

SPENT = (Act(2, "sell", "A", "100"), Act(4, "buy", "B", "190"))
"""100 A sold short at 100 from 10,000, and 190 B bought with the proceeds: 1,000 in cash are left."""


@pytest.mark.parametrize(
    "act",
    [
        Act(6, "buy", "A", "50"),
        Act(6, "buy_limit", "A", "50", "103"),
        Act(6, "buy_stop", "A", "50", "102"),
        Act(6, "position", "A", "-50"),
    ],
    ids=["market", "limit", "stop", "target"],
)
async def test_buying_back_a_short_position_needs_no_cash(act: Act) -> None:
    run = await played(
        SHORTS, *SPENT, act, a=days("A", 100, 100, "100/101", "101/102"), b=days("B", *[100] * 4)
    )

    assert denials(run) == []
    assert fills(run)[2][:3] == ("A", "buy", Decimal(50))


async def test_the_part_of_a_buy_beyond_the_short_position_needs_cash() -> None:
    run = await played(
        SHORTS, *SPENT, Act(6, "buy", "A", "111"), a=days("A", *[100] * 4), b=days("B", *[100] * 4)
    )

    (denied,) = run.of(OrderDenied)
    assert (denied.rule, denied.limit, denied.value) == ("require_cash", "1000", "1100")


async def test_working_buys_that_cover_reserve_no_cash() -> None:
    """A stop that would buy the position back reserves nothing, so that the rest of the cash can be used."""
    cover, more = Act(6, "buy_stop", "A", "100", "150"), Act(6, "buy", "B", "10")

    run = await played(SHORTS, *SPENT, cover, more, a=days("A", *[100] * 4), b=days("B", *[100] * 4))

    assert denials(run) == []
    assert fills(run)[-1] == ("B", "buy", Decimal(10), Decimal(100))


# --- an account that never owes -------------------------------------------------------------------


async def test_a_weight_of_one_leaves_room_for_its_commission() -> None:
    run = await played(FEE, Act(1, "weight", "A", "1"), a=days("A", *[100] * 3))

    (fill,) = run.of(OrderFilled)
    assert (fill.quantity, fill.commission) == (Decimal(99), Decimal("9.90"))
    assert run.lowest_cash == Decimal("90.10")


async def test_all_of_the_equity_in_per_cent_leaves_room_for_its_commission() -> None:
    run = await played(FEE, Act(1, "buy_percent", "A", "100"), a=days("A", *[100] * 3))

    assert fills(run) == [("A", "buy", Decimal(99), Decimal(100))]


async def test_two_halves_of_the_equity_both_fit() -> None:
    acts = (Act(1, "weight", "A", "0.5"), Act(1, "weight", "B", "0.5"))

    run = await played(FEE, *acts, a=days("A", *[100] * 3), b=days("B", *[100] * 3))

    assert denials(run) == []
    assert run.lowest_cash >= 0


async def test_an_order_whose_commission_cannot_be_paid_is_denied() -> None:
    run = await played(FEE, Act(1, "buy", "A", "100"), a=days("A", *[100] * 3))

    (denied,) = run.of(OrderDenied)
    assert (denied.rule, denied.limit, denied.value) == ("require_cash", "10000", "10010")
    assert denied.reason == (
        "there is not enough cash: the order needs 10010 USD, and 10000 USD are available "
        "(with estimated costs of 10 USD)"
    )


async def test_a_gap_above_the_cash_is_cut_to_what_can_be_paid() -> None:
    run = await played({"cash": 10_000}, Act(1, "buy", "A", "100"), a=days("A", 100, 150, 150))

    assert fills(run) == [("A", "buy", Decimal(66), Decimal(150))]
    (rest,) = run.of(OrderCancelled)
    assert rest.leaves_quantity == 34
    assert rest.reason == (
        "require_cash: 34 cannot be paid: the fill needs 15000 USD, and 10000 USD are available"
    )
    assert run.lowest_cash == 100


async def test_what_cannot_be_paid_at_all_is_rejected_by_the_venue() -> None:
    run = await played({"cash": 100}, Act(1, "buy", "A", "1"), a=days("A", 100, 150, 150))

    (rejected,) = run.of(OrderRejected)
    assert rejected.reason == (
        "require_cash: 1 cannot be paid: the fill needs 150 USD, and 100 USD are available"
    )
    assert run.result.rejected == 1


async def test_fills_of_one_event_are_paid_from_what_the_earlier_ones_left() -> None:
    acts = (Act(1, "buy", "A", "50"), Act(1, "buy", "A", "50"))

    run = await played({"cash": 10_000}, *acts, a=days("A", 100, 150, 150))

    assert [quantity for _, _, quantity, _ in fills(run)] == [50, 16]
    assert run.lowest_cash == 100


async def test_slippage_belongs_to_what_an_order_is_checked_against() -> None:
    slips = {"cash": 10_000, "broker": {"slippage_bps": 100}}

    run = await played(slips, Act(1, "buy", "A", "100"), a=days("A", *[100] * 3))

    (denied,) = run.of(OrderDenied)
    assert denied.value == "10100"


# --- margin ---------------------------------------------------------------------------------------


async def test_short_sales_need_margin_without_being_asked() -> None:
    run = await played(SHORTS, Act(1, "weight", "A", "-50"), a=days("A", *[100] * 3))

    (denied,) = run.of(OrderDenied)
    assert (denied.rule, denied.limit, denied.value) == ("require_margin", "10000", "500000.0")
    assert denied.reason.endswith(": the order needs 500000 USD, and 10000 USD are available")
    assert run.result.fills == 0


async def test_a_gap_above_the_margin_is_cut_by_the_venue() -> None:
    run = await played(SHORTS, Act(1, "sell", "A", "100"), a=days("A", 100, 125, 125))

    assert fills(run) == [("A", "sell", Decimal(80), Decimal(125))]
    (rest,) = run.of(OrderCancelled)
    assert rest.reason == (
        "require_margin: the free equity does not cover the initial margin of 20 more: the fill needs "
        "12500 USD, and 10000 USD are available"
    )


async def test_a_position_below_its_maintenance_margin_is_sold_at_the_next_open() -> None:
    run = await played(LEVERED, Act(1, "buy", "A", "200"), a=days("A", 100, 100, 60, 40, 120, 120))

    call, ruin = run.of(RiskLimitBreached)
    assert (call.rule, call.value, call.limit, call.action) == (
        "maintenance_margin",
        "2000",
        "3000",
        "liquidate",
    )
    assert fills(run) == [("A", "buy", Decimal(200), Decimal(100)), ("A", "sell", Decimal(200), Decimal(40))]
    assert run.result.metrics.final_equity == -2_000
    assert (ruin.rule, ruin.value, ruin.action) == ("ruin", "-2000", "halt")


async def test_ruin_halts_trading_and_is_the_problem_that_the_result_names() -> None:
    acts = (Act(1, "buy", "A", "200"), Act(5, "buy", "A", "1"))

    run = await played(LEVERED, *acts, a=days("A", 100, 100, 60, 40, 120, 120))

    assert run.of(TradingStateChanged)[-1].state is TradingState.HALTED
    assert denials(run) == ["trading_state"]
    assert run.result.margin_calls == 1
    assert run.result.ruined_ts == run.of(RiskLimitBreached)[1].ts
    assert run.result.first_problem.startswith("ruin: the equity was -2000")


async def test_money_paid_in_ends_ruin() -> None:
    deposit = {"at": "2004-01-06", "do": "deposit", "amount": 5_000}

    run = await played(
        {**LEVERED, "commands": [deposit]},
        Act(1, "buy", "A", "200"),
        Act(6, "buy", "A", "1"),
        a=days("A", 100, 100, 60, 40, 120, 120, 120),
    )

    assert run.of(TradingStateChanged)[-1].state is TradingState.ACTIVE
    assert fills(run)[-1] == ("A", "buy", Decimal(1), Decimal(120))


async def test_the_largest_margin_is_closed_first_and_no_more_than_needed() -> None:
    """At 50 the equity is 2,500, and 2,875 are needed: 1,875 for A and 1,000 for B."""
    config = {
        "cash": 10_000,
        "risk": {"require_cash": False},
        "instruments": [{"symbol": symbol, "margin_rate": "0.5"} for symbol in "AB"],
    }
    acts = (Act(1, "buy", "A", "150"), Act(2, "buy", "B", "40"))

    run = await played(config, *acts, a=days("A", 100, 100, 50, 50, 50), b=days("B", *[100] * 5))

    assert [one.symbol for one in run.of(OrderFilled) if one.side.value == "sell"] == ["A"]
    assert run.of(TradingStateChanged)[-1].state is TradingState.ACTIVE


async def test_a_short_position_is_bought_back_when_its_margin_is_gone() -> None:
    """FINRA's 30 % of 16,000 are 4,800; the equity is 20,000 less 16,000."""
    run = await played(SHORTS, Act(1, "sell", "A", "100"), a=days("A", 100, 100, 160, 150, 150))

    (call, recovered) = run.of(RiskLimitBreached)
    assert (call.value, call.limit) == ("4000", "4800")
    assert recovered.is_rearmed
    assert fills(run)[-1] == ("A", "buy", Decimal(100), Decimal(150))


async def test_margin_that_is_turned_off_is_not_watched() -> None:
    config = {"cash": 10_000, "risk": {"require_cash": False, "require_margin": False}}

    run = await played(config, Act(1, "buy", "A", "200"), a=days("A", 100, 100, 60, 40, 120, 120))

    assert run.of(RiskLimitBreached) == []
    assert run.result.metrics.final_equity == 14_000


async def test_a_margin_call_can_be_an_alert_alone() -> None:
    config = {**LEVERED, "risk": {"require_cash": False, "margin_call": "alert"}}

    run = await played(config, Act(1, "buy", "A", "200"), a=days("A", 100, 100, 60, 40, 120, 120))

    assert [one.action for one in run.of(RiskLimitBreached)] == ["alert", "rearmed"]
    assert len(fills(run)) == 1


def call_of(right: str = "call", strike: int = 120) -> dict[str, object]:
    option = {"symbol": "C", "asset_class": "option", "multiplier": 100, "underlying": "A"}
    return {**option, "option_right": right, "strike": strike, "expiry": "2005-01-21"}


async def test_short_options_need_margin_from_their_underlying() -> None:
    """The call at 0.05 is 20 out of the money: 10 % of 100 are needed, and the premium."""
    config = {**SHORTS, "instruments": [call_of()]}
    acts = (Act(3, "sell", "C", "1000"), Act(4, "sell", "C", "9"))

    run = await played(config, *acts, a=days("A", *[100] * 4), c=days("C", *[0.05] * 4))

    (denied,) = run.of(OrderDenied)
    assert denied.rule == "require_margin"
    assert Decimal(denied.value) == 1_005_000
    assert fills(run) == [("C", "sell", Decimal(9), Decimal("0.05"))]


@pytest.mark.parametrize(
    ("right", "strike", "underlying", "margin"),
    [
        ("call", 100, 100, 22),
        ("call", 110, 100, 12),
        ("call", 150, 100, 12),
        ("put", 100, 100, 22),
        ("put", 90, 100, 12),
        ("put", 50, 100, 7),
        ("call", 100, None, 22),
    ],
)
def test_the_margin_of_a_short_option_at_a_premium_of_2(
    right: str, strike: int, underlying: int | None, margin: int
) -> None:
    option = InstrumentDefined(0, "C", AssetClass.OPTION, strike=Decimal(strike), option_right=right)

    price = None if underlying is None else Decimal(underlying)

    assert short_option_margin(option, Decimal(2), price) == margin


async def test_a_short_sale_of_more_than_can_be_borrowed_is_denied_with_the_number() -> None:
    config = {"cash": 10_000, "risk": {"allow_short": True, "locate_quantity": {"A": 50}}}
    acts = (Act(1, "sell", "A", "40"), Act(2, "sell", "A", "20"), Act(2, "sell", "A", "10"))

    run = await played(config, *acts, a=days("A", *[100] * 4))

    (denied,) = run.of(OrderDenied)
    assert (denied.rule, denied.limit, denied.value) == ("locate_quantity", "50", "60")
    assert denied.reason == "only 50 A can be borrowed: the short position must not be larger"
    assert [quantity for _, _, quantity, _ in fills(run)] == [40, 10]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"portfolio": {"position_mode": "hedging"}}, "hedging needs a margin account"),
        ({"risk": {"locate_quantity": {"A": -1}}}, "locate_quantity: A: -1 is not a number of at least 0"),
    ],
)
async def test_settings_that_cannot_be_are_refused_with_a_sentence(
    keys: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        await played(keys, a=days("A", 100, 100))


# --- futures --------------------------------------------------------------------------------------

FUTURE = {
    "symbol": "A",
    "asset_class": "future",
    "multiplier": 50,
    "tick_size": "0.25",
    "margin_rate": "0.06",
}


@pytest.mark.parametrize(
    "broker",
    [{"commission_rate": "0.001"}, {"commission": {"model": "flat", "params": {"rate": "0.001"}}}],
    ids=["key", "model"],
)
@pytest.mark.parametrize("asset_class", ["future", "perpetual"])
async def test_a_rate_is_a_fraction_of_the_notional_multiplier_included(
    broker: dict[str, object], asset_class: str
) -> None:
    config = {"cash": 1_000_000, "broker": broker, "instruments": [{**FUTURE, "asset_class": asset_class}]}

    run = await played(config, Act(1, "buy", "A", "1"), a=days("A", *[5_000] * 3))

    (fill,) = run.of(OrderFilled)
    assert fill.commission == 250


async def test_a_future_needs_margin_and_not_its_notional_in_cash() -> None:
    config = {"cash": 31_000, "instruments": [FUTURE]}
    acts = (Act(1, "buy", "A", "2"), Act(2, "buy", "A", "1"))

    run = await played(config, *acts, a=days("A", *[5_000] * 4))

    assert fills(run) == [("A", "buy", Decimal(2), Decimal(5_000))]
    assert denials(run) == ["require_margin"]


# --- the record -----------------------------------------------------------------------------------


async def test_a_run_records_what_was_decided_for_the_settings_left_out() -> None:
    run = await played(SHORTS, a=days("A", 100, 100))

    (loaded,) = run.of(ConfigLoaded)
    assert '"require_margin":true' in loaded.body
    assert '"margin_call":"liquidate"' in loaded.body
    assert '"account_type":"margin"' in loaded.body


async def test_a_run_by_the_first_rules_is_played_by_them_again() -> None:
    run = await played(FEE, Act(1, "weight", "A", "1"), rules=FIRST_RULES, a=days("A", *[100] * 3))

    assert run.lowest_cash == -10
