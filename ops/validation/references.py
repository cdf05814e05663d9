"""The reference strategies, each with the engine that runs the same rules."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from components.strategy_host.host import AnyStrategy
from strategies.buy_and_hold import BuyAndHold
from strategies.channel_break import ChannelBreak
from strategies.ma_cross import MovingAverageCross
from strategies.mean_reversion import MeanReversion
from strategies.rsi import RelativeStrengthIndex

QUANTITY = 100
CASH = 1_000_000


class Engine(msgspec.Struct, frozen=True):
    """Another engine.

    - ``script``: its script in ``engine_scripts``.
    - ``broker``: the settings of the simulated broker that fill as this engine does.
    - ``fills``: where this engine fills a market order, for the page.
    """

    title: str
    script: str
    broker: Mapping[str, str]
    fills: str


BACKTRADER = Engine("backtrader", "backtrader_rules", {}, "the next open")
BACKTESTING = Engine("backtesting.py", "backtesting_rules", {}, "the next open")
ZIPLINE = Engine("zipline-reloaded", "zipline_rules", {"bars": "close"}, "the next close")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy on one symbol of the bundled data, in another engine and here.

    - ``rules``, ``params``: the rules in the engine's script, and their numbers.
    - ``strategy``: the same rules here.
    - ``signals``: the settings that trade the strategy's signals, if it raises signals.
    """

    rules: str
    symbol: str
    engine: Engine
    strategy: AnyStrategy
    params: Mapping[str, float] = {}
    commission_rate: Decimal = Decimal(0)
    signals: Mapping[str, object] | None = None


def holding(engine: Engine, symbol: str) -> Reference:
    """Buy and hold in an engine: whole shares for 95 % of the cash, at the first close."""
    return Reference(
        rules="buy_and_hold",
        symbol=symbol,
        engine=engine,
        strategy=BuyAndHold(fraction=0.95),
        params={"fraction": 0.95},
    )


def moving_averages(
    engine: Engine, symbol: str, *, fast: int, slow: int, allow_short: bool = False, rate: str = "0"
) -> Reference:
    """The moving-average cross in an engine."""
    return Reference(
        rules="ma_cross",
        symbol=symbol,
        engine=engine,
        strategy=MovingAverageCross(fast=fast, slow=slow, quantity=QUANTITY, allow_short=allow_short),
        params={"fast": fast, "slow": slow, "allow_short": allow_short},
        commission_rate=Decimal(rate),
    )


def reversion(engine: Engine, symbol: str) -> Reference:
    """The mean reversion in an engine."""
    return Reference(
        rules="mean_reversion",
        symbol=symbol,
        engine=engine,
        strategy=MeanReversion(window=20, entry=2.0, exit=0.5, quantity=QUANTITY),
        params={"window": 20, "entry": 2.0, "exit": 0.5},
    )


REFERENCES: tuple[Reference, ...] = (
    holding(BACKTRADER, "IBM"),
    moving_averages(BACKTRADER, "IBM", fast=20, slow=50),
    moving_averages(BACKTRADER, "GOOG", fast=5, slow=100, allow_short=True, rate="0.001"),
    Reference(
        rules="rsi",
        symbol="IBM",
        engine=BACKTRADER,
        strategy=RelativeStrengthIndex(period=14, lower=30.0, upper=70.0, quantity=QUANTITY),
        params={"period": 14, "lower": 30.0, "upper": 70.0},
    ),
    reversion(BACKTRADER, "GOOG"),
    Reference(
        rules="channel_break",
        symbol="GOOG",
        engine=BACKTRADER,
        strategy=ChannelBreak(entry=20, exit=10),
        params={"entry": 20, "exit": 10},
        signals={"sizing": {"model": "fixed", "quantity": QUANTITY}},
    ),
    moving_averages(BACKTESTING, "GOOG", fast=10, slow=30),
    moving_averages(BACKTESTING, "IBM", fast=20, slow=50, allow_short=True, rate="0.002"),
    holding(ZIPLINE, "IBM"),
    moving_averages(ZIPLINE, "GOOG", fast=20, slow=50, allow_short=True),
    reversion(ZIPLINE, "IBM"),
)
"""Symbols without a split in the bundled data, so that no engine's way to adjust prices matters."""
