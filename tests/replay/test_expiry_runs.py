"""Expiries in whole runs: the journal, the open lots and the equity know of them."""

from datetime import UTC, datetime
from decimal import Decimal

from components.assembly.instruments import InstrumentConfig
from kernel.events import AssetClass, Bar
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from replay.results import read_results
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from tests.replay.market import walk
from tests.replay.playing import START, record_run, store_of


def expiring(**terms: str) -> ReplayConfig:
    """X expires with the fifth day; U goes on."""
    day = datetime.fromtimestamp((START + 4 * DAY_NS) // 10**9, UTC).date()
    option = AssetClass.OPTION if terms else AssetClass.FUTURE
    instrument = InstrumentConfig(
        symbol="X",
        asset_class=option,
        underlying=terms.get("underlying", ""),
        strike=Decimal(terms.get("strike", "0")),
        option_right="put" if terms else "",
        multiplier=Decimal(5),
        expiry=str(day),
    )
    return ReplayConfig(streams=("x.1d", "u.1d"), instruments=(instrument,))


async def test_a_run_settles_what_expires_and_its_journal_has_the_trade() -> None:
    bars = [bar for bar in walk("X", 5, seed=1) if isinstance(bar, Bar)]
    store = await store_of(x_1d=bars, u_1d=walk("U", 20, seed=2))

    run = await record_run(store, [BuyAndHold(parts=2)], expiring())
    result = await read_results(store, run)
    verified = await verify_run(store, run)

    (trade,) = result.trades
    assert (trade.symbol, trade.exit_order) == ("X", "")
    assert trade.exit_price == Decimal(repr(bars[-1].close))
    assert trade.exit_ts == START + 5 * DAY_NS
    assert [lot.symbol for lot in result.open_lots] == ["U"]
    assert verified.digest == result.digest


async def test_an_option_that_expires_worthless_is_a_trade_at_zero() -> None:
    store = await store_of(x_1d=walk("X", 5, seed=1), u_1d=walk("U", 20, seed=2))

    run = await record_run(store, [BuyAndHold(parts=2)], expiring(underlying="U", strike="1"))
    result = await read_results(store, run)

    (trade,) = result.trades
    assert trade.exit_price == 0
    assert trade.pnl == -trade.entry_price * trade.quantity * 5
