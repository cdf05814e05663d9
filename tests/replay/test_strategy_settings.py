"""What a configuration says of one strategy: enabled, capital, limits; in runs, and in their records."""

from decimal import Decimal
from pathlib import Path

import pytest

from components.assembly.settings import StrategyConfig
from eventstore import EventStore
from kernel.errors import ConfigError, InputError
from kernel.events import Event, LedgerMarked, OrderDenied, OrderFilled, StrategyLoaded
from replay.backtesting import backtest, run_and_record
from replay.config import ReplayConfig, check_config
from replay.planning import plan_run
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from strategies.sdk import Capital, RiskLimits, StrategyLimits
from tests.replay.market import walk, write_csv
from tests.replay.playing import read_events, store_of

CROSS = StrategyConfig(strategy="strategies.ma_cross:MovingAverageCross", params={"fast": 2, "slow": 5})
HOLD = StrategyConfig(strategy="strategies.buy_and_hold:BuyAndHold")


def config(*strategies: StrategyConfig, risk: RiskLimits | None = None) -> ReplayConfig:
    return ReplayConfig(streams=("a",), strategies=strategies, risk=risk or RiskLimits())


def with_terms(
    base: StrategyConfig,
    *,
    strategy_id: str = "",
    enabled: bool = True,
    capital: Capital | None = None,
    limits: StrategyLimits | None = None,
) -> StrategyConfig:
    return StrategyConfig(
        strategy=base.strategy,
        params=base.params,
        id=strategy_id,
        enabled=enabled,
        capital=capital,
        limits=limits or StrategyLimits(),
    )


async def ran(wanted: ReplayConfig) -> tuple[EventStore, str, list[Event]]:
    store = await store_of(a=walk("A", 300, seed=5))
    stream = await run_and_record(store, await plan_run(store, wanted))
    return store, stream, await read_events(store, stream)


# --- enabled ----------------------------------------------------------------------------------


async def test_a_strategy_that_is_not_enabled_is_not_loaded_and_the_record_verifies() -> None:
    store, stream, events = await ran(config(with_terms(HOLD, enabled=False), CROSS))

    loaded = [event.strategy for event in events if isinstance(event, StrategyLoaded)]
    assert loaded == ["ma_cross"]
    await verify_run(store, stream)


async def test_a_disabled_strategy_must_exist() -> None:
    store = await store_of(a=walk("A", 10, seed=5))
    absent = StrategyConfig(strategy="no/such/file.py:Class", enabled=False)

    with pytest.raises(InputError, match=r"no/such/file\.py"):
        await plan_run(store, config(absent, HOLD))


async def test_a_disabled_strategy_may_not_have_the_id_of_another() -> None:
    wanted = config(with_terms(CROSS, strategy_id="x", enabled=False), with_terms(HOLD, strategy_id="x"))

    with pytest.raises(ConfigError, match="strategy id 'x' is given twice"):
        await ran(wanted)


async def test_something_must_be_enabled() -> None:
    with pytest.raises(ConfigError, match="each has enabled: false"):
        await ran(config(with_terms(HOLD, enabled=False)))


# --- capital and limits -----------------------------------------------------------------------


async def test_terms_hold_in_a_run_and_in_its_replay() -> None:
    limits = StrategyLimits(max_order_quantity=Decimal(1))
    capital = Capital(fraction=Decimal("0.5"))
    store, stream, events = await ran(
        config(with_terms(CROSS, limits=limits), with_terms(HOLD, capital=capital))
    )

    denied = {event.rule for event in events if isinstance(event, OrderDenied)}
    assert {rule for rule in denied if rule.startswith("strategy_")} == {"strategy_max_order_quantity"}
    assert any(isinstance(event, LedgerMarked) for event in events)
    (bought,) = [event for event in events if isinstance(event, OrderFilled)]
    assert bought.strategy == "buy_and_hold"
    assert bought.quantity * bought.price <= 50_000
    await verify_run(store, stream)


@pytest.mark.parametrize(
    ("shares", "risk", "sentence"),
    [
        (
            [Capital(fraction=Decimal("0.6"))] * 2,
            RiskLimits(),
            "adds up to 1.2 of the account; expected at most 1",
        ),
        (
            [Capital(amount=Decimal(60_000))] * 2,
            RiskLimits(),
            "adds up to 120000; expected at most 100000, with cash",
        ),
        (
            [Capital(fraction=Decimal("0.6")), Capital(amount=Decimal(50_000))],
            RiskLimits(),
            "adds up to 110000.0; expected at most 100000",
        ),
        ([Capital(fraction=Decimal(20))], RiskLimits(), r"number 1 \(x0\): capital.fraction: 20 is above 1"),
        (
            [Capital(fraction=Decimal(6))] * 2,
            RiskLimits(require_cash=False),
            "adds up to 12 of the account; expected at most 10",
        ),
    ],
)
def test_capital_beyond_the_account_is_refused(
    shares: list[Capital], risk: RiskLimits, sentence: str
) -> None:
    strategies = [
        with_terms(HOLD, strategy_id=f"x{number}", capital=share) for number, share in enumerate(shares)
    ]

    with pytest.raises(ConfigError, match=sentence):
        check_config(config(*strategies, risk=risk))


def test_a_disabled_strategy_takes_no_share() -> None:
    most = Capital(fraction=Decimal("0.9"))

    check_config(config(with_terms(HOLD, capital=most, enabled=False), with_terms(CROSS, capital=most)))


def test_where_leverage_is_allowed_shares_may_exceed_the_account() -> None:
    most = Capital(fraction=Decimal("0.9"))

    check_config(
        config(
            with_terms(HOLD, capital=most),
            with_terms(CROSS, capital=most),
            risk=RiskLimits(require_cash=False),
        )
    )


def test_limits_of_a_strategy_are_held_to_their_bounds() -> None:
    wrong = with_terms(HOLD, limits=StrategyLimits(max_open_orders=-1))

    with pytest.raises(
        ConfigError, match=r"strategies: number 1 .*: limits.max_open_orders: -1 is not between"
    ):
        check_config(config(wrong))


# --- in Python --------------------------------------------------------------------------------


def test_backtest_takes_capital_and_limits_by_strategy(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    write_csv(data, walk("A", 100, seed=5))

    done = backtest(
        [BuyAndHold(), BuyAndHold()],
        data=data,
        capital={"buy_and_hold": {"fraction": 0.25}},
        limits={"buy_and_hold.2": StrategyLimits(max_order_quantity=Decimal(1))},
    )

    first, second = done.result.by_strategy
    assert (first.capital, first.fills) == (Capital(fraction=Decimal("0.25")), 1)
    assert (second.capital, second.denied) == (None, 1)


def test_backtest_refuses_terms_of_a_strategy_that_is_not_there(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    write_csv(data, walk("A", 10, seed=5))

    with pytest.raises(ConfigError, match="capital: there is no strategy 'x'; there are: buy_and_hold"):
        backtest(BuyAndHold(), data=data, capital={"x": {"fraction": 0.5}})
