"""The results of each strategy of a run: its counts, its trades, and its P&L at every mark of its ledger.

Trades and fees come from fills and are always known. P&L over time, returns and drawdown come from ledger
marks (``LedgerMarked``) and are ``None`` without them. Amounts are in the account's currency: trades at the
rates of their exits, ledgers at the rates of their marks, fees at the last rate. Without a rate they count at
par.

Returns are relative to ``initial_equity``: the strategy's capital at the start, or the account's equity for
a strategy without capital of its own. Returns on the account's equity add up to the account's return.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from components.portfolio.rates import rate_between, set_rate
from kernel.events import (
    AccountMarked,
    DecisionRefused,
    Event,
    LedgerMarked,
    OrderDenied,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
    PositionChanged,
    PositionSide,
)
from kernel.fees import paid_by_terms
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS
from replay.equity import EquityCurve, day_of, trading_days_of
from replay.performance.metrics import Metrics, TradeFigures, measure, measure_trades
from replay.performance.trades import Corrections, Matched, net_pnls
from replay.run_facts import RunFacts
from strategies.sdk.strategy_limits import Capital

ZERO = Decimal(0)

COUNTED: frozenset[type[Event]] = frozenset(
    {
        OrderSubmitted,
        OrderDenied,
        OrderRejected,
        OrderFilled,
        DecisionRefused,
        PositionChanged,
        AccountMarked,
        LedgerMarked,
    }
)


class Pnl(msgspec.Struct, frozen=True):
    """The P&L of a strategy. ``realised`` and ``unrealised`` are before commissions and without income."""

    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    commissions: Decimal = ZERO
    income: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """After commissions, with income."""
        return self.realised + self.unrealised - self.commissions + self.income


class StrategyResult(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The results of one strategy. Money is in the account's currency.

    - ``capital``: its share of the account as configured; ``None``: the whole account.
    - ``orders``, ``denied``, ``rejected``: submitted orders, orders denied by risk, and orders rejected by
      the venue.
    - ``refused``: invalid decisions.
    - ``open_lots``: entries that were never closed.
    - ``trade_pnl``: P&L of closed trades, after commission.
    - ``fees``: the commissions of all fills.
    - ``pnl``: at the last mark; ``None`` where ledgers were not marked.
    - ``equity``: ``initial_equity`` plus net P&L at every mark; ``exposure`` is 1 with a position, else 0.
      ``None`` as above.
    - ``trades``: figures of its closed trades.
    - ``metrics``: the same figures as a run has. ``None`` as above.
    """

    strategy: StrategyId
    capital: Capital | None
    orders: int
    fills: int
    denied: int
    rejected: int
    refused: int
    open_lots: int
    trade_pnl: Decimal
    fees: Decimal
    initial_equity: Decimal
    pnl: Pnl | None
    equity: EquityCurve | None
    trades: TradeFigures
    metrics: Metrics | None


class _Mark(msgspec.Struct):
    """One mark: P&L and cash of each strategy, and the strategies with a position."""

    ts: int
    pnl: dict[StrategyId, Pnl]
    holders: frozenset[StrategyId]
    cash: dict[StrategyId, Decimal]
    day: int


class _Shares(msgspec.Struct):
    """The needed part of a recorded configuration, which may be of another version."""

    strategies: tuple["_Share", ...] = ()


class _Share(msgspec.Struct):
    enabled: bool = True
    capital: Capital | None = None


class StrategyTally:
    """Counts, fees and marks by strategy, gathered in one pass."""

    def __init__(self, corrections: Corrections, facts: RunFacts, *, currency: str) -> None:
        self._corrections = corrections
        self._instruments = facts.instruments
        self._rates_to_come = list(facts.rates[::-1])
        self._rates: dict[str, dict[str, Decimal]] = {}
        self._currency = currency
        self._counts: dict[StrategyId, dict[type[Event], int]] = {}
        self._fees: dict[StrategyId, dict[str, Decimal]] = {}
        self._open: dict[StrategyId, set[tuple[str, PositionSide | None]]] = {}
        self._marks: list[_Mark] = []
        self._has_ledgers = False

    def take(self, event: Event) -> None:
        """Take the next event of the run."""
        match event:
            case OrderSubmitted(order=order) | OrderDenied(order=order):
                self._count(order.strategy, event)
            case OrderFilled():
                self._count(event.strategy, event)
                self._charge(event)
            case OrderRejected(strategy=strategy) | DecisionRefused(strategy=strategy):
                self._count(strategy, event)
            case PositionChanged(strategy=strategy, symbol=symbol, quantity=quantity, position_side=side):
                held = self._open.setdefault(strategy, set())
                held.discard((symbol, side))
                if quantity:
                    held.add((symbol, side))
            case AccountMarked():
                holders = frozenset(name for name, symbols in self._open.items() if symbols)
                self._marks.append(_Mark(event.ts, {}, holders, {}, day_of(event)))
            case LedgerMarked():
                self._mark(event)
            case _:
                pass

    def results(
        self,
        loaded: Sequence[StrategyId],
        matched: Matched,
        *,
        config: str,
        initial_equity: Decimal,
        opens_ts: int,
        known_ts: int,
    ) -> tuple[StrategyResult, ...]:
        """The results of the loaded strategies, then of others with orders (a plan of signals).

        - ``initial_equity``: the account's.
        - ``opens_ts``: the time of the first point of each curve.
        - ``known_ts``: the time of the first market data. Earlier marks are left out.
        """
        capital = _capital_of(loaded, config)
        self._follow_rates(until_ts=None)
        marks = {mark.ts: mark for mark in self._marks if mark.ts >= known_ts}
        names = dict.fromkeys((*loaded, *self._counts, *self._fees))
        return tuple(
            self._result(
                name,
                matched,
                tuple(marks.values()),
                account=initial_equity,
                capital=capital.get(name),
                opens_ts=opens_ts,
            )
            for name in names
        )

    def _result(
        self,
        name: StrategyId,
        matched: Matched,
        marks: Sequence[_Mark],
        *,
        account: Decimal,
        capital: Capital | None,
        opens_ts: int,
    ) -> StrategyResult:
        counts = self._counts.get(name, {})
        trades = [trade for trade in matched.trades if trade.strategy == name]
        fees = sum((self._converted(paid, key) for key, paid in self._fees.get(name, {}).items()), ZERO)
        base = _base(capital, account)
        pnl = (marks[-1].pnl.get(name, Pnl()) if marks else Pnl()) if self._has_ledgers else None
        curve = None if pnl is None else _curve(name, marks, base=base, opens_ts=opens_ts)
        metrics = None
        if curve is not None and pnl is not None:
            metrics = measure(curve, trades, initial_equity=base, final_equity=base + pnl.net, fees=fees)
        return StrategyResult(
            strategy=name,
            capital=capital,
            orders=counts.get(OrderSubmitted, 0),
            fills=counts.get(OrderFilled, 0),
            denied=counts.get(OrderDenied, 0),
            rejected=counts.get(OrderRejected, 0),
            refused=counts.get(DecisionRefused, 0),
            open_lots=sum(lot.strategy == name for lot in matched.open_lots),
            trade_pnl=sum(net_pnls(trades), ZERO),
            fees=fees,
            initial_equity=base,
            pnl=pnl,
            equity=curve,
            trades=measure_trades(trades),
            metrics=metrics,
        )

    def _count(self, strategy: StrategyId, event: Event) -> None:
        counts = self._counts.setdefault(strategy, {})
        counts[type(event)] = counts.get(type(event), 0) + 1

    def _charge(self, fill: OrderFilled) -> None:
        """Add a commission, unless the fill was busted."""
        corrected = self._corrections.get((fill.client_order_id, fill.fill_id))
        if corrected is None or corrected.quantity:
            if fill.commission and fill.currency != self._currency:
                if corrected is not None:
                    fill = msgspec.structs.replace(fill, price=corrected.price)
                fill = paid_by_terms(fill, self._instruments)
            fees = self._fees.setdefault(fill.strategy, {})
            fees[fill.currency] = fees.get(fill.currency, ZERO) + fill.commission

    def _mark(self, ledger: LedgerMarked) -> None:
        self._has_ledgers = True
        if not self._marks:
            return
        mark, name, currency = self._marks[-1], ledger.strategy, ledger.currency
        self._follow_rates(until_ts=ledger.ts)
        before = mark.pnl.get(name, Pnl())
        mark.pnl[name] = Pnl(
            before.realised + self._converted(ledger.realised_pnl, currency),
            before.unrealised + self._converted(ledger.unrealised_pnl, currency),
            before.commissions + self._converted(ledger.commissions, currency),
            before.income + self._converted(ledger.income + ledger.owed, currency),
        )
        mark.cash[name] = mark.cash.get(name, ZERO) + self._converted(ledger.cash, currency)

    def _follow_rates(self, *, until_ts: int | None) -> None:
        to_come = self._rates_to_come
        while to_come and (until_ts is None or to_come[-1].ts <= until_ts):
            set_rate(self._rates, to_come.pop())

    def _converted(self, amount: Decimal, currency: str) -> Decimal:
        if not amount or currency == self._currency:
            return amount
        rate = rate_between(self._rates, currency, self._currency)
        return amount if rate is None else amount * rate


def _capital_of(loaded: Sequence[StrategyId], config: str) -> Mapping[StrategyId, Capital]:
    """The capital of strategies in a recorded configuration, which lists them in order of loading."""
    if not config:
        return {}
    shares = [one for one in msgspec.json.decode(config, type=_Shares).strategies if one.enabled]
    return {name: one.capital for name, one in zip(loaded, shares, strict=False) if one.capital is not None}


def _base(capital: Capital | None, account: Decimal) -> Decimal:
    """The base of returns: the capital at the start, else the account's equity."""
    if capital is None:
        return account
    if capital.amount is not None:
        return capital.amount
    return account if capital.fraction is None else capital.fraction * account


def _curve(name: StrategyId, marks: Iterable[_Mark], *, base: Decimal, opens_ts: int) -> EquityCurve:
    rows = [(opens_ts, float(base), float(base), 0.0, opens_ts // DAY_NS)]
    for mark in marks:
        gained, cash = mark.pnl.get(name, Pnl()).net, mark.cash.get(name, ZERO)
        rows.append(
            (mark.ts, float(base + gained), float(base + cash), float(name in mark.holders), mark.day)
        )
    ts, equity, cash_held, exposure, days = zip(*rows, strict=True)
    return EquityCurve(
        np.array(ts, dtype=np.int64),
        np.array(equity, dtype=np.float64),
        np.array(cash_held, dtype=np.float64),
        np.array(exposure, dtype=np.float64),
        days=trading_days_of(days),
    )
