"""The fills of a run as arrays: what was traded when, what it cost, and its share of the market's volume."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from components.portfolio.rates import rate_between, set_rate
from kernel.events import Bar, InstrumentDefined, OrderFilled
from kernel.fees import paid_in_money
from replay.equity import Floats, Integers
from replay.run_facts import RunFacts


class FillFlow(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Arrays of equal length, in order of the log. Money is in the account's currency, as floats.

    - ``ts``: times of the executions, ns UTC.
    - ``symbols``: by fill.
    - ``quantity``: in units, above 0.
    - ``notional``: the value of the fill, above 0.
    - ``commission``: a cost is positive.
    - ``volume_share``: what all fills in its bar have of the bar's volume; NaN if no bar tells, infinite in a
      bar without volume. Only ``replay.run_reading`` reads it from the data.
    """

    ts: Integers
    symbols: tuple[str, ...]
    quantity: Floats
    notional: Floats
    commission: Floats
    volume_share: Floats

    def __len__(self) -> int:
        return len(self.ts)


def flow_of(fills: Sequence[OrderFilled], facts: RunFacts, *, currency: str) -> FillFlow:
    """The flow of fills in the order of the log; an amount without a rate counts at par."""
    to_come = list(facts.rates[::-1])
    rates: dict[str, dict[str, Decimal]] = {}
    rows: list[tuple[int, float, float, float]] = []
    unknown = InstrumentDefined(0, "")
    for fill in fills:
        while to_come and to_come[-1].ts <= fill.ts:
            set_rate(rates, to_come.pop())
        terms = facts.instruments.get(fill.symbol, unknown)
        paid = paid_in_money(fill, fee_currency=terms.fee_currency, currency=terms.currency)
        units, price = float(fill.quantity), abs(float(fill.price))
        if terms.is_inverse:
            price = 1.0 / price if price else 0.0
        value, fee = units * float(terms.multiplier) * price, float(paid.commission)
        if terms.currency != currency:
            value *= _rate(rates, terms.currency, currency)
        if paid.currency != currency:
            fee *= _rate(rates, paid.currency, currency)
        rows.append((fill.executed_ts or fill.ts, units, value, fee))
    ts, quantity, notional, commission = zip(*rows, strict=True) if rows else ((), (), (), ())
    return FillFlow(
        ts=np.array(ts, dtype=np.int64),
        symbols=tuple(fill.symbol for fill in fills),
        quantity=np.array(quantity, dtype=np.float64),
        notional=np.array(notional, dtype=np.float64),
        commission=np.array(commission, dtype=np.float64),
        volume_share=np.full(len(fills), np.nan),
    )


NO_FLOW = flow_of((), RunFacts({}, (), ()), currency="USD")


def places_by_symbol(flow: FillFlow) -> dict[str, Integers]:
    """The places of each symbol's fills."""
    found: dict[str, list[int]] = {}
    for place, symbol in enumerate(flow.symbols):
        found.setdefault(symbol, []).append(place)
    return {symbol: np.array(places, dtype=np.int64) for symbol, places in found.items()}


def _rate(rates: Mapping[str, Mapping[str, Decimal]], currency: str, into: str) -> float:
    rate = rate_between(rates, currency, into)
    return 1.0 if rate is None else float(rate)


class VolumeSample:
    """Takes the bars of one symbol piece by piece, and gives the share of its fills in them.

    A fill at the end of one bar and the beginning of the next one belongs to the bar in which its share is
    smaller. Bars of a symbol that never had a volume tell nothing. ``own``: the places of the symbol's fills.
    """

    def __init__(self, flow: FillFlow, own: Integers) -> None:
        self._places = own[np.argsort(flow.ts[own], kind="stable")]
        self._ts = flow.ts[self._places]
        self._total = np.concatenate(([0.0], np.cumsum(flow.quantity[self._places])))
        self._share: Floats = np.full(len(own), np.nan)
        self._has_volume = False

    def take(self, bars: Sequence[Bar]) -> None:
        """Take the next bars."""
        if not len(self._ts) or not bars:
            return
        volume = np.array([bar.volume for bar in bars], dtype=np.float64)
        self._has_volume = self._has_volume or bool((volume > 0).any())
        ends = np.array([bar.ts for bar in bars], dtype=np.int64)
        begins = np.array([bar.open_ts or bar.ts for bar in bars], dtype=np.int64)
        first = np.searchsorted(self._ts, begins, side="left")
        end = np.searchsorted(self._ts, ends, side="right")
        for place in np.flatnonzero(end > first):
            low, high = int(first[place]), int(end[place])
            traded = float(self._total[high] - self._total[low])
            share = traded / volume[place] if volume[place] > 0 else np.inf
            self._share[low:high] = np.fmin(self._share[low:high], share)

    def write(self, shares: Floats) -> None:
        """Write the shares at the places of the symbol's fills."""
        if self._has_volume:
            shares[self._places] = self._share


def with_volume(flow: FillFlow, samples: Iterable[VolumeSample]) -> FillFlow:
    """The flow with the shares of some symbols."""
    shares = np.full(len(flow), np.nan)
    for sample in samples:
        sample.write(shares)
    return msgspec.structs.replace(flow, volume_share=shares)
