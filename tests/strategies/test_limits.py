"""Limits of risk: each is held to the bounds that it is declared with."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from strategies.sdk import BreachAction, ContinuousLimit, LimitKind, LimitUnit, LossOrigin, Rearm, RiskLimits
from strategies.sdk.limits import KIND_TERMS, check_limits, named_limits

AMOUNTS = [
    field
    for field, default in zip(RiskLimits.__struct_fields__, RiskLimits.__struct_defaults__, strict=True)
    if (default is None and field not in ("require_margin", "margin_call")) or isinstance(default, float)
]
"""Every limit that is a number."""

OF_EQUITY = ("max_symbol_concentration", "max_sector_concentration")


def number(key: str, text: str) -> Decimal | float:
    """A number of the type that the limit has."""
    if key == "duplicate_window_s":
        return float(text)
    return int(text) if "orders" in key and text.lstrip("-").isdigit() else Decimal(text)


@pytest.mark.parametrize("key", AMOUNTS)
def test_every_limit_that_is_a_number_is_refused_below_0(key: str) -> None:
    with pytest.raises(ValueError, match=rf"^{key}: -1(\.0)? is not "):
        check_limits(replace(RiskLimits(), **{key: number(key, "-1")}))


@pytest.mark.parametrize("key", [key for key in AMOUNTS if "orders" not in key])
@pytest.mark.parametrize("text", ["nan", "inf"])
def test_every_limit_that_is_a_number_is_refused_unless_it_is_finite(key: str, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^{key}: (nan|NaN|inf|Infinity) is not "):
        check_limits(replace(RiskLimits(), **{key: number(key, text)}))


@pytest.mark.parametrize("key", AMOUNTS)
def test_0_is_a_limit_like_any_other(key: str) -> None:
    check_limits(replace(RiskLimits(), **{key: number(key, "0")}))


@pytest.mark.parametrize("key", OF_EQUITY)
def test_a_fraction_of_equity_may_be_above_1_only_where_more_can_be_at_stake(key: str) -> None:
    share = {key: Decimal(5)}

    check_limits(replace(RiskLimits(), **share, allow_short=True))
    check_limits(replace(RiskLimits(), **share, require_cash=False))
    with pytest.raises(ValueError, match=rf"^{key}: 5 is above 1: it is a fraction, 0\.05 is 5 %$"):
        check_limits(replace(RiskLimits(), **share))


LARGEST: dict[LimitKind, tuple[RiskLimits, int]] = {
    LimitKind.DAILY_LOSS: (RiskLimits(allow_short=True), 1),
    LimitKind.DRAWDOWN: (RiskLimits(allow_short=True), 1),
    LimitKind.STOP_LOSS: (RiskLimits(require_cash=False), 1),
    LimitKind.TAKE_PROFIT: (RiskLimits(), 10),
    LimitKind.VOLATILITY: (RiskLimits(), 10),
}
"""The largest fraction that makes sense for a kind, under these other limits."""


@pytest.mark.parametrize("kind", LARGEST)
def test_a_continuous_limit_that_was_meant_as_a_percentage_is_refused(kind: LimitKind) -> None:
    others, largest = LARGEST[kind]

    def limits(size: int) -> RiskLimits:
        one = ContinuousLimit(kind=kind, limit=Decimal(size))
        return RiskLimits(allow_short=others.allow_short, require_cash=others.require_cash, continuous=(one,))

    check_limits(limits(largest))
    with pytest.raises(ValueError, match=rf"\({kind.value}\): {largest + 1} is above {largest}: it is a fr"):
        check_limits(limits(largest + 1))


def test_a_stop_loss_of_a_short_position_may_be_above_its_cost() -> None:
    one = ContinuousLimit(kind=LimitKind.STOP_LOSS, limit=Decimal(2))

    check_limits(RiskLimits(allow_short=True, continuous=(one,)))


def test_a_loss_in_money_is_not_a_fraction() -> None:
    one = ContinuousLimit(kind=LimitKind.DAILY_LOSS, limit=Decimal(10_000), unit=LimitUnit.MONEY)

    check_limits(RiskLimits(continuous=(one,)))


def test_every_kind_says_its_terms() -> None:
    assert set(KIND_TERMS) == set(LimitKind)


def test_a_kind_has_its_own_way_to_re_arm_and_its_own_origin() -> None:
    daily = ContinuousLimit(kind=LimitKind.DAILY_LOSS, limit=Decimal(1))
    other = ContinuousLimit(
        kind=LimitKind.DAILY_LOSS, limit=Decimal(1), origin=LossOrigin.PEAK, rearm=Rearm.BY_HAND
    )

    assert (daily.rearms, daily.loss_from) == (Rearm.NEW_DAY, LossOrigin.START)
    assert (other.rearms, other.loss_from) == (Rearm.BY_HAND, LossOrigin.PEAK)


def test_limits_of_one_kind_are_numbered_from_the_second_on() -> None:
    kinds = (LimitKind.DRAWDOWN, LimitKind.STALE_DATA, LimitKind.DRAWDOWN)
    limits = [ContinuousLimit(kind=kind, limit=Decimal(1), action=BreachAction.ALERT) for kind in kinds]

    assert list(named_limits(limits)) == ["drawdown", "stale_data", "drawdown 2"]
