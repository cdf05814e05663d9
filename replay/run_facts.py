"""The facts in a run's inputs besides prices: instruments, corporate actions, deposits, exchange rates.

They are read from the run's own stream and its data streams. Blocks without such facts are skipped undecoded.
"""

from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from math import isfinite

import msgspec

from components.portfolio.position import COST_QUANTUM
from components.portfolio.rates import rate_between, set_rate
from eventstore import EventStore, Selection
from kernel.corporate_actions import is_void, named_price, terms_under_new_symbol
from kernel.errors import StreamMissing
from kernel.events import (
    Bar,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    FxRateSet,
    InstrumentDefined,
    Quote,
    StreamRange,
    Trade,
)

_FACTS: frozenset[type[Event]] = frozenset({InstrumentDefined, CorporateAction, CashMoved, FxRateSet})
_PRICED: frozenset[type[Event]] = frozenset({Bar, Quote, Trade})


class Deposit(msgspec.Struct, frozen=True):
    """Money that came in from outside, or went out, in the account's currency at the rate of ``ts``.

    Without a rate at that time, the first later rate is used; without any rate, par.
    """

    ts: int
    amount: Decimal


class RunFacts(msgspec.Struct, frozen=True):
    """The facts; ``actions``, ``deposits`` and ``rates`` are in order of time.

    - ``instruments``: by symbol as last defined, under new symbols too.
    - ``actions``: a delisting without a price gets the last price in the data, if there is one. Amounts are
      in the instrument's currency; an action for which no rate is known keeps its own.
    """

    instruments: dict[str, InstrumentDefined]
    actions: tuple[CorporateAction, ...]
    deposits: tuple[Deposit, ...]
    rates: tuple[FxRateSet, ...] = ()


async def read_facts(
    store: EventStore, run_stream: str, sources: Sequence[StreamRange], *, currency: str
) -> RunFacts:
    """Read the facts of a run, without data streams that no longer exist. ``currency`` is the account's."""
    found: list[Event] = []
    async for event in read_inputs(store, run_stream, sources, types=_FACTS):
        found.append(event)
    found.sort(key=lambda event: (event.ts, not isinstance(event, FxRateSet)))
    instruments: dict[str, InstrumentDefined] = {}
    actions: list[CorporateAction] = []
    rates: dict[str, dict[str, Decimal]] = {}
    for event in found:
        match event:
            case InstrumentDefined(symbol=symbol):
                instruments[symbol] = event
            case CorporateAction():
                _name_anew(instruments, event)
                terms = instruments.get(event.symbol, InstrumentDefined(0, event.symbol))
                actions.append(await _priced(store, sources, _in_own_currency(event, terms.currency, rates)))
            case FxRateSet():
                set_rate(rates, event)
            case _:
                pass
    all_rates = tuple(event for event in found if isinstance(event, FxRateSet))
    return RunFacts(instruments, tuple(actions), tuple(_deposits(found, currency)), all_rates)


def _in_own_currency(
    action: CorporateAction, currency: str, rates: dict[str, dict[str, Decimal]]
) -> CorporateAction:
    """The amount of an action in the instrument's currency; as it is if no rate is known."""
    if not action.amount or action.currency in ("", currency):
        return msgspec.structs.replace(action, currency=currency)
    rate = rate_between(rates, action.currency, currency)
    if rate is None:
        return action
    return msgspec.structs.replace(
        action, amount=(action.amount * rate).quantize(COST_QUANTUM), currency=currency
    )


def _name_anew(instruments: dict[str, InstrumentDefined], action: CorporateAction) -> None:
    """Give the new symbol of a share or coin its terms, unless it has its own."""
    if action.kind is CorporateActionKind.SYMBOL_CHANGE and not is_void(action):
        old, new = instruments.get(action.symbol), instruments.get(action.new_symbol)
        terms = terms_under_new_symbol(action, old=old, new=new)
        if terms is not None:
            instruments[action.new_symbol] = terms


def _deposits(found: Sequence[Event], currency: str) -> list[Deposit]:
    """Deposits in the account's currency."""
    deposits: list[Deposit] = []
    unrated: dict[int, str] = {}
    """The currencies of deposits that wait for their first rate, by index."""
    rates: dict[str, dict[str, Decimal]] = {}
    for event in found:
        if isinstance(event, FxRateSet):
            set_rate(rates, event)
            for place, own in tuple(unrated.items()):
                rate = rate_between(rates, own, currency)
                if rate is not None:
                    del unrated[place]
                    deposits[place] = Deposit(deposits[place].ts, deposits[place].amount * rate)
        elif isinstance(event, CashMoved) and event.kind is CashFlowKind.DEPOSIT:
            rate = rate_between(rates, event.currency, currency)
            if rate is None:
                unrated[len(deposits)] = event.currency
            amount = event.amount if rate is None or rate == 1 else event.amount * rate
            deposits.append(Deposit(event.ts, amount))
    return deposits


async def read_inputs(
    store: EventStore,
    run_stream: str,
    sources: Sequence[StreamRange],
    *,
    types: frozenset[type[Event]],
    symbols: frozenset[str] | None = None,
) -> AsyncGenerator[Event, None]:
    """Events of the run's own stream (where one is named), then of each data stream, to their ends."""
    selections = [
        (one.stream, Selection(from_seq=one.first_seq, to_seq=one.last_seq, types=types, symbols=symbols))
        for one in sources
    ]
    if run_stream:
        selections.insert(0, (run_stream, Selection(types=types, symbols=symbols)))
    for stream, selection in selections:
        try:
            async for batch in store.read(stream, selection):
                for event in batch.events:
                    yield event
        except StreamMissing:
            continue


async def _priced(
    store: EventStore, sources: Sequence[StreamRange], action: CorporateAction
) -> CorporateAction:
    """Give a delisting without a price the last price in the data, if there is one."""
    if action.kind is not CorporateActionKind.DELISTING or named_price(action) is not None:
        return action
    latest_ts, price = -1, 0.0
    symbols = frozenset({action.symbol})
    async for event in read_inputs(store, "", sources, types=_PRICED, symbols=symbols):
        if latest_ts <= event.ts <= action.ts:
            found = _price_of(event)
            if found and isfinite(found):
                latest_ts, price = event.ts, found
    return msgspec.structs.replace(action, amount=Decimal(repr(price))) if price else action


def _price_of(event: Event) -> float | None:
    match event:
        case Bar(close=price) | Trade(price=price):
            return price
        case Quote(bid=bid, ask=ask) if bid and ask:
            return (bid + ask) / 2
        case _:
            return None
