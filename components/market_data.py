"""Market data: instruments, last prices, and the history that strategies need.

Last prices are not stored here. The bus retains the latest event of every symbol, and a price is read from it
when somebody asks. Bars are stored as they came. They are adjusted for corporate actions when they are read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite, nan
from operator import attrgetter
from types import MappingProxyType

import msgspec

from kernel.bus import EventBus
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.corporate_actions import (
    ONE,
    as_dividend,
    changes_holdings,
    is_void,
    level_after,
    terms_under_new_symbol,
)
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    DataIssueFound,
    HistoryLoaded,
    InstrumentDefined,
    MarketEvent,
    Quote,
    Trade,
)
from kernel.resampled_history import HoursView, Resampled, Resampling
from kernel.rules import FIRST_RULES, RULES
from strategies.sdk.adjustment import Adjustment, adjusted, split_ratio

_ts_of = attrgetter("ts")

NOTHING_RESAMPLED: Mapping[str, Collection[str]] = MappingProxyType({})


class FormerPrice(msgspec.Struct, frozen=True):
    """The price of a share when it got its present symbol.

    - ``ts``: the time of the symbol change.
    - ``price``: on the terms after the change; ``None`` if the share had no price.
    - ``action_count``: number of the share's splits and dividends up to then. ``price`` includes them.
    """

    ts: int
    price: float | None
    action_count: int


class MarketDataState(msgspec.Struct):
    """The whole state of market data.

    - ``instruments``: by symbol.
    - ``history``: unadjusted bars by symbol and timeframe, oldest first. There can be more than are needed.
    - ``actions``: splits and dividends by present symbol, oldest first. A spin-off is kept as a dividend.
    - ``former_prices``: by symbol, for shares that had another symbol before.
    - ``action_count``: number of corporate actions without dividends.
    - ``resampled``: bars in progress, by symbol and timeframe.
    - ``issues``: what was found odd in the data, by symbol, oldest first.
    - ``kept``: by symbol, how many bars must be kept because a strategy asked for them.
    - ``dropped``: how many bars were forgotten, by symbol and timeframe.
    """

    instruments: dict[str, InstrumentDefined] = {}
    history: dict[str, dict[str, list[Bar]]] = {}
    actions: dict[str, list[CorporateAction]] = {}
    former_prices: dict[str, FormerPrice] = {}
    action_count: int = 0
    resampled: dict[str, dict[str, Resampled]] = {}
    issues: dict[str, list[DataIssueFound]] = {}
    kept: dict[str, int] = {}
    dropped: dict[str, dict[str, int]] = {}


class MarketData:
    """The component that keeps instruments and history. Others read prices through it.

    - ``bars_needed``: by symbol, how many bars of each timeframe must be kept; ``keep`` raises it.
    - ``resampled``: by symbol, timeframes of history that are built from finer bars or trades. Without any,
      nothing is done for them.
    - ``hours``: the trading days of resampled bars.
    """

    name = "market_data"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        bus: EventBus,
        *,
        bars_needed: Mapping[str, int],
        resampled: Mapping[str, Collection[str]] = NOTHING_RESAMPLED,
        hours: HoursView | None = None,
        rules: int = RULES,
    ) -> None:
        self.state = MarketDataState()
        self._bus = bus
        self._rules = rules
        self._resampling = Resampling(self.state, resampled, hours=hours, keep=self.on_bar)
        self._bars_needed = {symbol: count for symbol, count in bars_needed.items() if count > 0}

    def subscriptions(self) -> Iterable[Subscription]:
        yield Subscription(InstrumentDefined, self.on_instrument)
        yield Subscription(CorporateAction, self.on_action)
        yield Subscription(DataIssueFound, self.on_issue)
        resampled = self._resampling.symbols.intersection(self._bars_needed)
        plain = frozenset(self._bars_needed) - resampled
        if plain:
            yield Subscription(Bar, self.on_bar, symbols=plain)
        if resampled:
            yield Subscription(Bar, self.on_part, symbols=resampled)
            yield Subscription(Trade, self._resampling.add_trade, symbols=resampled)
        if self._bars_needed:
            yield Subscription(HistoryLoaded, self.on_history)

    def on_instrument(self, event: InstrumentDefined) -> None:
        self.state.instruments[event.symbol] = event

    def on_issue(self, event: DataIssueFound) -> None:
        self.state.issues.setdefault(event.symbol, []).append(event)

    def on_bar(self, bar: Bar) -> None:
        try:
            bars = self.state.history[bar.symbol][bar.timeframe]
        except KeyError:
            bars = self.state.history.setdefault(bar.symbol, {}).setdefault(bar.timeframe, [])
        bars.append(bar)
        if len(bars) >= 2 * self._bars_needed[bar.symbol]:  # trimmed rarely: amortised, one move per bar
            self._trim(bar.symbol, bar.timeframe, bars)

    def on_history(self, event: HistoryLoaded) -> None:
        """Fill the history with bars from before the run, and know the corporate actions since then.

        Resampled bars are not built from them: the first one could lack its beginning.
        """
        symbol = event.symbol
        if symbol not in self._bars_needed:
            return
        self.state.history.setdefault(symbol, {}).setdefault(event.timeframe, []).extend(event.as_bars())
        if event.actions:
            self.state.actions[symbol] = [
                CorporateAction(one.ts, symbol, one.kind, one.ratio, one.amount, one.currency)
                for one in event.actions
            ]

    def _trim(self, symbol: str, timeframe: str, bars: list[Bar]) -> None:
        needed = self._kept(symbol)
        surplus = len(bars) - needed
        if surplus >= needed:
            del bars[:surplus]
            dropped = self.state.dropped.setdefault(symbol, {})
            dropped[timeframe] = dropped.get(timeframe, 0) + surplus

    def _kept(self, symbol: str) -> int:
        return max(self._bars_needed.get(symbol, 0), self.state.kept.get(symbol, 0))

    def on_part(self, bar: Bar) -> None:
        """A bar of a symbol whose history is also kept in coarser bars."""
        self.on_bar(bar)
        self._resampling.add_bar(bar)

    def on_action(self, action: CorporateAction) -> None:
        if is_void(action):
            return
        self.state.action_count += changes_holdings(action)
        if action.kind is CorporateActionKind.SPLIT:
            self._resampling.restate(action.symbol, action.ratio)
        if action.kind in (CorporateActionKind.SPLIT, CorporateActionKind.DIVIDEND):
            self.state.actions.setdefault(action.symbol, []).append(action)
        elif action.kind is CorporateActionKind.SPIN_OFF:
            if self._rules > FIRST_RULES:
                self._spin_off(action)
        elif action.kind is CorporateActionKind.SYMBOL_CHANGE:
            self._rename(action)

    def _spin_off(self, action: CorporateAction) -> None:
        """Keep a spin-off as the dividend of the same value, if that is known now."""
        old, new = action.symbol, action.new_symbol
        price, new_price = self._exact_price(old), self._exact_price(new)
        if self.instrument(old).currency != self.instrument(new).currency:
            new_price = None
        dividend = as_dividend(action, price=price, new_price=new_price)
        if dividend.amount > 0:
            self.state.actions.setdefault(old, []).append(dividend)

    def _exact_price(self, symbol: str) -> Decimal | None:
        price = self.last_price(symbol)
        return None if price is None else Decimal(repr(price))

    def _rename(self, action: CorporateAction) -> None:
        """Move a share's history, actions and terms to its new symbol.

        Its price is stored now, because later events under the old symbol may be of another share.
        """
        state, symbol, new_symbol = self.state, action.symbol, action.new_symbol
        price = self.last_price(symbol)
        if price is not None and (action.amount or action.ratio != ONE):
            price = level_after(max(0.0, price - float(action.amount)), action.ratio)
        state.former_prices.pop(symbol, None)
        state.history[new_symbol] = state.history.pop(symbol, {})
        if symbol in state.resampled:
            state.resampled[new_symbol] = state.resampled.pop(symbol)
        state.dropped[new_symbol] = state.dropped.pop(symbol, {})
        actions = state.actions[new_symbol] = state.actions.pop(symbol, [])
        if action.ratio != ONE:
            kind = CorporateActionKind.SPLIT
            actions.append(CorporateAction(action.ts, new_symbol, kind, action.ratio))
        state.former_prices[new_symbol] = FormerPrice(action.ts, price, len(actions))
        old, new = state.instruments.get(symbol), state.instruments.get(new_symbol)
        known = terms_under_new_symbol(action, old=old, new=new)
        if known is not None:
            state.instruments[new_symbol] = known
        for name, terms in state.instruments.items():
            if terms.underlying == symbol:
                state.instruments[name] = msgspec.structs.replace(terms, underlying=new_symbol)

    # --- the view -----------------------------------------------------------------------------

    @property
    def action_count(self) -> int:
        """Number of corporate actions so far, without dividends. Market data processes each one first."""
        return self.state.action_count

    def instrument(self, symbol: str) -> InstrumentDefined:
        """The instrument's terms. The default for an undefined symbol is like a US equity."""
        known = self.state.instruments.get(symbol)
        return InstrumentDefined(0, symbol) if known is None else known

    def history(
        self, symbol: str, count: int, *, timeframe: str = "", adjustment: Adjustment = Adjustment.SPLITS
    ) -> Sequence[Bar]:
        """The last ``count`` bars of one timeframe, oldest first, adjusted for later corporate actions.

        Fewer if fewer were seen or kept. ``timeframe``: empty for the first one seen. A resampled bar is
        there from the end of its period on.
        """
        count = min(count, self._kept(symbol))
        by_timeframe = self.state.history.get(symbol)
        due = self._resampling.due(symbol, timeframe, self._bus.now) if self._resampling.symbols else None
        if count <= 0 or not (by_timeframe or due):
            return []
        kept: Sequence[Bar] = ()
        if by_timeframe:
            kept = by_timeframe.get(timeframe, ()) if timeframe else next(iter(by_timeframe.values()))
        bars: Sequence[Bar] = kept[-count:] if due is None else (*kept, due)[-count:]
        actions = self.state.actions.get(symbol)
        if actions:
            bars = adjusted(bars, actions, adjustment)
        if symbol in self.state.former_prices:
            bars = [
                bar if bar.symbol == symbol else msgspec.structs.replace(bar, symbol=symbol) for bar in bars
            ]
        return bars

    def data_quality(self, symbol: str) -> Sequence[DataIssueFound]:
        """What was found odd in a symbol's data so far, oldest first."""
        return tuple(self.state.issues.get(symbol, ()))

    def keep(self, symbol: str, count: int) -> None:
        """Keep at least so many bars of a symbol from now on."""
        self.state.kept[symbol] = max(count, self.state.kept.get(symbol, 0))

    def bars_seen(self, symbol: str) -> int:
        """How many bars of a symbol came so far: of the timeframe that has most."""
        dropped = self.state.dropped.get(symbol, {})
        kept = self.state.history.get(symbol, {})
        return max((len(bars) + dropped.get(timeframe, 0) for timeframe, bars in kept.items()), default=0)

    def last_quote(self, symbol: str) -> Quote | None:
        """The latest quote, not adjusted."""
        return self._bus.last(Quote, symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """The latest trade, not adjusted."""
        return self._bus.last(Trade, symbol)

    def last_price(self, symbol: str) -> float | None:
        """The latest of bar close, trade price and mid quote; ``None`` before the first.

        - The latest bar is the bar that ended last, of any timeframe.
        - Prices that are not finite numbers are ignored.
        - A quote with a missing side (0) leaves the price as it was: the last quote with both sides counts.
        - A price from before a split is converted to the terms after it.
        - A share under a new symbol keeps its old price until its first new one.
        """
        state = self.state
        former = state.former_prices.get(symbol) if state.former_prices else None
        known_ts = -1 if former is None else former.ts  # events up to this time are of another share
        latest_ts, before_ts, price = known_ts, 0, None  # actions from before_ts on came after the price
        bar, trade, quote = self._bus.last_prices(symbol)
        if bar is not None and bar.ts > known_ts and isfinite(bar.close):
            latest_ts = before_ts = bar.ts
            price = bar.close
        if trade is not None and trade.ts >= latest_ts and isfinite(trade.price):
            latest_ts, price = trade.ts, trade.price
            before_ts = latest_ts + 1
        if quote is not None:
            mid = (quote.bid + quote.ask) / 2 if quote.bid and quote.ask else nan
            if not isfinite(mid) and self._rules > FIRST_RULES:
                quote = self._bus.last_two_sided(symbol)
                mid = nan if quote is None else (quote.bid + quote.ask) / 2
            if quote is not None and quote.ts >= latest_ts and isfinite(mid):
                price, before_ts = mid, quote.ts + 1
        if not state.actions:
            return price
        actions = state.actions.get(symbol, ())
        if price is not None:
            return self._since(symbol, price, before_ts)
        if former is None or former.price is None:
            return None
        return former.price / split_ratio(actions[former.action_count :], 0)

    def last_ts(self) -> int:
        """The time of the latest market event of any symbol; 0 before the first one."""
        latest = self.latest()
        return 0 if latest is None else latest.ts

    def latest(self) -> MarketEvent | None:
        """The latest market event of any symbol."""
        retained = (event for by_symbol in self._bus.retained.values() for event in by_symbol.values())
        latest = max(retained, key=_ts_of, default=None)
        assert latest is None or isinstance(latest, MarketEvent)
        return latest

    def _since(self, symbol: str, price: float, before_ts: int) -> float:
        """Convert a price from before ``before_ts`` to the present terms."""
        actions = self.state.actions.get(symbol)
        if not actions or actions[-1].ts < before_ts:
            return price
        return price / split_ratio(actions, before_ts)
