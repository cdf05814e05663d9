"""Which messages pass, and why others are refused."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from brokers.feeds.quality import QualityChecks, QualityConfig
from kernel.events import Bar, BookDelta, BookSnapshot, Event, FxRateSet, PriceLevel, Quote, Trade
from kernel.time_units import SECOND_NS

NAN, INF = float("nan"), float("inf")
NOW = 1_000 * SECOND_NS
AHEAD = "its time is 6.000 s ahead; 5 s are allowed"
LEVELS = (PriceLevel(99.0, 1.0),)
HIGHER = (PriceLevel(101.0, 1.0),)


def problems(events: Sequence[Event], config: QualityConfig | None = None, *, now: int = NOW) -> list[str]:
    checks = QualityChecks(config or QualityConfig())
    return [checks.problem_of(event, now=now) for event in events]


def quote(bid: float, ask: float, **others: float) -> Quote:
    return Quote(0, "A", bid, ask, others.get("bid_size", 1.0), others.get("ask_size", 1.0))


def trade(price: float, symbol: str = "A") -> Trade:
    return Trade(0, symbol, price, 1.0)


@pytest.mark.parametrize(
    "event",
    [
        quote(99.0, 101.0),
        quote(100.0, 100.0),
        trade(100.0),
        Trade(0, "A", 100.0, 0.0, exchange_ts=NOW + 5 * SECOND_NS),
        Bar(0, "A", "1m", 1.0, 2.0, 0.5, 1.5, 0.0),
        BookSnapshot(0, "A", LEVELS, HIGHER),
        BookSnapshot(0, "A", (), HIGHER),
        BookDelta(0, "A", (PriceLevel(99.0, 0.0),), ()),
    ],
    ids=repr,
)
def test_sound_messages_pass(event: Event) -> None:
    assert problems([event]) == [""]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (quote(NAN, 101.0), "bid nan: not a number"),
        (quote(99.0, INF), "ask inf: not a number"),
        (quote(0.0, 101.0), "bid 0.0: expected a number above 0"),
        (quote(-1.0, 101.0), "bid -1.0: expected a number above 0"),
        (quote(101.0, 99.0), "bid 101.0 is above ask 99.0"),
        (quote(99.0, 101.0, bid_size=-1.0), "sizes -1.0 and 1.0: a size is 0 or more"),
        (quote(99.0, 101.0, ask_size=NAN), "sizes 1.0 and nan: a size is 0 or more"),
        (Quote(0, "A", 99.0, 101.0, 1.0, 1.0, NOW + 6 * SECOND_NS), AHEAD),
        (trade(NAN), "price nan: not a number"),
        (trade(0.0), "price 0.0: expected a number above 0"),
        (Trade(0, "A", 100.0, NAN), "size nan: a size is 0 or more"),
        (Trade(0, "A", 100.0, 1.0, exchange_ts=NOW + 6 * SECOND_NS), AHEAD),
        (Bar(0, "A", "1m", 1.0, NAN, 0.5, 1.5, 1.0), "high nan: not a number"),
        (Bar(0, "A", "1m", 1.0, 1.2, 0.5, 1.5, 1.0), "open 1.0, high 1.2, low 0.5, close 1.5 do not agree"),
        (Bar(0, "A", "1m", 1.0, 2.0, 0.5, 1.5, -1.0), "volume -1.0: a volume is 0 or more"),
        (BookSnapshot(0, "A", HIGHER, LEVELS), "bid 101.0 is above ask 99.0"),
        (BookSnapshot(0, "A", (PriceLevel(NAN, 1.0),), HIGHER), "a level of 1.0 at nan"),
        (BookDelta(0, "A", (PriceLevel(99.0, -1.0),), ()), "a level of -1.0 at 99.0"),
    ],
    ids=repr,
)  # fmt: skip
def test_broken_messages_are_refused_with_a_sentence(event: Event, reason: str) -> None:
    assert problems([event]) == [reason]


def test_spike_is_refused_and_the_next_sound_price_passes() -> None:
    assert problems([trade(100.0), trade(1000.0), trade(101.0)]) == [
        "",
        "price 1000.0 is a jump from 100.0, the last one",
        "",
    ]


def test_fall_is_as_far_as_a_rise() -> None:
    config = QualityConfig(spike=0.5)

    assert [bool(each) for each in problems([trade(150.0), trade(100.0)], config)] == [False, False]
    assert [bool(each) for each in problems([trade(151.0), trade(100.0)], config)] == [False, True]
    assert [bool(each) for each in problems([trade(100.0), trade(151.0)], config)] == [False, True]


def test_price_level_that_others_confirm_becomes_true() -> None:
    refused = [bool(each) for each in problems([trade(100.0), trade(1000.0), trade(1001.0), trade(999.0)])]

    assert refused == [False, True, True, False]


def test_spikes_that_do_not_agree_confirm_nothing() -> None:
    prices = [100.0, 1000.0, 5000.0, 1.0, 1000.0, 100.0]

    assert [bool(each) for each in problems([trade(price) for price in prices])] == [
        False, True, True, True, True, False,
    ]  # fmt: skip


def test_old_price_limits_nothing() -> None:
    checks = QualityChecks(QualityConfig(reference_s=60.0))
    checks.problem_of(trade(100.0), now=NOW)

    assert checks.problem_of(trade(1000.0), now=NOW + 60 * SECOND_NS)
    assert not checks.problem_of(trade(1000.0), now=NOW + 61 * SECOND_NS)


def test_symbols_have_prices_of_their_own() -> None:
    assert problems([trade(100.0, "A"), trade(1.0, "B"), trade(100.0, "A")]) == ["", "", ""]


def test_without_a_spike_limit_any_move_passes() -> None:
    assert problems([trade(100.0), trade(1e9)], QualityConfig(spike=0.0)) == ["", ""]


def test_negative_prices_pass_where_they_are_allowed() -> None:
    config = QualityConfig(allow_negative_prices=True, spike=0.0)

    assert problems([quote(-2.0, -1.0), trade(0.0), trade(-INF)], config) == [
        "",
        "",
        "price -inf: expected a number above 0",
    ]


def test_one_sided_quotes_pass_where_they_are_allowed() -> None:
    config = QualityConfig(allow_one_sided=True)

    assert problems([quote(0.0, 101.0), quote(99.0, NAN), quote(NAN, NAN)], config) == [
        "",
        "",
        "bid nan: not a number",
    ]


def test_crossed_quotes_pass_where_they_are_allowed() -> None:
    config = QualityConfig(allow_crossed=True)

    assert problems([quote(101.0, 99.0), BookSnapshot(0, "A", HIGHER, LEVELS)], config) == ["", ""]


def test_other_events_pass() -> None:
    assert problems([FxRateSet(0, "EUR", "USD", Decimal("1.1"))]) == [""]
