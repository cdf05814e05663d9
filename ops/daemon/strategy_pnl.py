"""The P&L of each strategy of a running daemon, computed when somebody asks."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from components.portfolio.portfolio import Portfolio
from kernel.decimals import exact
from kernel.identifiers import StrategyId
from replay.session import LiveSession


class SymbolPnl(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy has gained in a symbol, before commissions; ``None`` without a price or a rate."""

    symbol: str
    realised: str | None
    unrealised: str | None


class StrategyPnl(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy has gained since the log began, in the account's currency.

    - ``realised``, ``unrealised``: before ``commissions``; ``income``: dividends, interest and fees.
    - ``net``: all of it. An amount is ``None`` without a price or a rate.
    """

    strategy: str
    realised: str | None
    unrealised: str | None
    commissions: str | None
    income: str | None
    net: str | None
    symbols: tuple[SymbolPnl, ...]


@exact
def pnl_of(session: LiveSession) -> tuple[StrategyPnl, ...]:
    """The P&L of the strategies in order of loading; then of those that are gone and still have a ledger."""
    account = session.core.portfolio
    loaded = (one.strategy_id for one in session.plan.strategies)
    names = dict.fromkeys((*loaded, *account.state.ledgers))
    return tuple(_pnl(account, name) for name in names if name)


def _pnl(account: Portfolio, name: StrategyId) -> StrategyPnl:
    figures = account.strategies
    realised, unrealised = figures.realised_pnl(name, None), figures.unrealised_pnl(name, None)
    commissions, income = figures.commissions(name), figures.income(name)
    return StrategyPnl(
        strategy=name,
        realised=_money(realised),
        unrealised=_money(unrealised),
        commissions=_money(commissions),
        income=_money(income),
        net=_money(figures.net_pnl(name)),
        symbols=tuple(_by_symbol(account, name)),
    )


def _by_symbol(account: Portfolio, name: StrategyId) -> Iterator[SymbolPnl]:
    figures = account.strategies
    for symbol in dict.fromkeys(symbol for symbol, _ in figures.held_by(name)):
        yield SymbolPnl(
            symbol=symbol,
            realised=_money(figures.realised_pnl(name, symbol)),
            unrealised=_money(figures.unrealised_pnl(name, symbol)),
        )


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
