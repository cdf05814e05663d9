"""A twin as tables of text, and as an object for programs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from kernel.decimals import exact
from kernel.events.shadow import ShadowCompared, ShadowOutcome
from kernel.identifiers import ClientOrderId
from replay import figures
from replay.rows import Rows, number, text
from replay.twin.comparison import OrderComparison, SideFigures
from replay.twin.reading import TwinRecord
from replay.twin.totals import ExtraCost, MoneyTotals, Totals, is_equal, money_totals, totals_of

MOST_ROWS = 20
NO_EFFECTS: Mapping[ClientOrderId, Decimal] = MappingProxyType({})
BOTH_OR_NONE = (ShadowOutcome.FILLED, ShadowOutcome.UNFILLED)
SIGN_NOTE = "A difference above 0 is worse for live."


@exact
def twin_tables(found: TwinRecord) -> tuple[Rows, ...]:
    """The tables of a twin: totals, what the P&L differs by, and the orders that differ most."""
    compared = [one.event(0) for one in found.orders if one.is_over]
    tables = [total_rows(totals_of(compared, found.terms))]
    over = [one for one in found.orders if one.is_over]
    tables += [pnl_rows(money) for money in money_totals(over)]
    effects = {one.order.client_order_id: one.parts.total for one in over if one.parts is not None}
    tables.append(order_rows(compared, most=MOST_ROWS, effects=effects))
    return tuple(tables)


@exact
def total_rows(totals: Totals) -> Rows:
    """Both sides of all orders beside each other."""
    live, simulated = totals.live, totals.simulated
    rows = (
        ("orders", f"{totals.orders:,}", f"{totals.orders:,}"),
        ("filled", f"{live.filled:,}", f"{simulated.filled:,}"),
        ("fill rate", figures.percent(live.fill_rate), figures.percent(simulated.fill_rate)),
        ("filled on this side alone", f"{totals.lucky:,}", f"{totals.missed:,}"),
        ("first fill after (median)", figures.duration(live.first_ns), figures.duration(simulated.first_ns)),
        ("last fill after (median)", figures.duration(live.last_ns), figures.duration(simulated.last_ns)),
    )
    cost = "".join(
        f" Live cost {_amount(extra.prices)} {currency} more by prices and {_amount(extra.fees)} by fees."
        for currency, extra in totals.costs.items()
    )
    known = {key: one.difference_bps for key, one in totals.costs.items() if one.difference_bps is not None}
    told = [bps_words(bps) + (f" ({key})" if len(known) > 1 else "") for key, bps in known.items()]
    bps = ", ".join(told) or "no order was filled on both sides"
    columns = (text("Orders"), number("Live"), number("Simulated"))
    return Rows("Live and simulated", columns, rows, note=f"{totals.equal:,} orders are equal; {bps}.{cost}")


def bps_words(bps: float) -> str:
    """The average difference of prices in words."""
    if not bps:
        return "prices are equal on average"
    return f"prices are {abs(bps):,.2f} bps {'worse' if bps > 0 else 'better'} live, on average"


@exact
def pnl_rows(money: MoneyTotals) -> Rows:
    """The P&L of the fills, and its parts."""
    parts = (
        ("price: timing", money.timing),
        ("price: execution", money.execution),
        ("quantity: live filled less", money.missed),
        ("quantity: live filled more", money.more),
        ("fees", money.fees),
        ("live less simulated", money.total),
    )
    rows = (
        ("P&L live", _amount(money.live)),
        ("P&L simulated", _amount(money.simulated)),
        *((name, _amount(value)) for name, value in parts),
    )
    note = "At the last prices, after fees."
    if money.unknown:
        count = f"{money.unknown:,} order{' is' if money.unknown == 1 else 's are'}"
        note += f" {count} left out of the parts: there is no last price."
    return Rows("P&L of these orders", (text("Part"), number(money.currency)), rows, note=note)


@exact
def order_rows(
    compared: Sequence[ShadowCompared], *, most: int, effects: Mapping[ClientOrderId, Decimal] = NO_EFFECTS
) -> Rows:
    """The orders that differ. Those that only one side filled come first, then the largest difference.

    ``effects``: what they change the P&L by, which gets a column and the order of rows.
    """
    columns = [
        text("Order"), text("Symbol"), text("Side", rank=2), text("Filled by", rank=3), text("Live"),
        text("Simulated"), number("bps"), number("Difference", rank=1), number("Fees", rank=5),
        number("First fill live", rank=4), number("simulated", rank=4), text("Strategy", rank=5),
        text("Why it ended live", rank=6),
    ]  # fmt: skip
    if effects:
        columns.insert(8, number("P&L"))
    different = [one for one in compared if not is_equal(one)]

    def weight(one: ShadowCompared) -> tuple[bool, Decimal]:
        if effects:
            return False, -abs(effects.get(one.client_order_id, Decimal(0)))
        return one.outcome in BOTH_OR_NONE, -abs(one.difference)

    shown = sorted(different, key=weight)[:most]
    rows = tuple(_order_cells(one, effects) for one in shown)
    tones = tuple(float(effects.get(one.client_order_id, -one.difference)) for one in shown)
    rest = len(different) - len(rows)
    note = f"{SIGN_NOTE} {rest:,} more differ." if rest else SIGN_NOTE
    return Rows("Orders that differ", tuple(columns), rows, note=note if rows else "", tones=tones)


def _order_cells(one: ShadowCompared, effects: Mapping[ClientOrderId, Decimal]) -> tuple[str, ...]:
    cells = (
        one.client_order_id,
        one.symbol,
        one.side.value,
        _SIDES[one.outcome],
        _filled(one.live_quantity, one.live_price),
        _filled(one.simulated_quantity, one.simulated_price),
        figures.UNDEFINED if one.difference_bps is None else f"{one.difference_bps:,.2f}",
        _amount(one.difference),
    )
    effect = (_amount(effects.get(one.client_order_id)),) if effects else ()
    return (
        *cells,
        *effect,
        _amount(one.live_fees - one.simulated_fees),
        figures.duration(one.live_first_ns),
        figures.duration(one.simulated_first_ns),
        one.strategy,
        one.reason,
    )


@exact
def twin_object(found: TwinRecord) -> dict[str, object]:
    """A twin for programs: all orders, with exact amounts as texts, times in ns."""
    over = [one for one in found.orders if one.is_over]
    compared = [one.event(0) for one in over]
    return {
        "log": found.log,
        "is_live": found.is_live,
        "from": None if found.from_ts is None else figures.iso(found.from_ts),
        "to": None if found.to_ts is None else figures.iso(found.to_ts),
        "settings": dict(found.settings),
        "totals": _totals(totals_of(compared, found.terms)),
        "pnl": [_fields(money) for money in money_totals(over)],
        "orders": [_order(one) for one in found.orders],
    }


def headline(found: TwinRecord) -> str:
    """What was compared, in a line."""
    what = "real orders" if found.is_live else "orders of a simulated venue"
    open_count = sum(not one.is_over for one in found.orders)
    rest = f"; {open_count:,} have not ended on both sides" if open_count else ""
    changed = f", with {', '.join(f'{key}={value}' for key, value in found.settings.items())}"
    return f"{found.log}: {len(found.orders):,} {what}{changed if found.settings else ''}{rest}"


_SIDES = {
    ShadowOutcome.FILLED: "both",
    ShadowOutcome.MISSED: "simulated",
    ShadowOutcome.LUCKY: "live",
    ShadowOutcome.UNFILLED: "neither",
}


def _order(one: OrderComparison) -> dict[str, object]:
    order, parts = one.order, one.parts
    return {
        "client_order_id": order.client_order_id,
        "strategy": order.strategy,
        "symbol": order.symbol,
        "side": order.side.value,
        "order_type": order.order_type.value,
        "quantity": _plain(one.quantity),
        "submitted": figures.iso(one.submitted_ts),
        "is_over": one.is_over,
        "outcome": one.outcome.value,
        "currency": one.currency,
        "live": _fields(one.live),
        "simulated": _fields(one.simulated),
        "difference_bps": one.difference_bps,
        "difference": _plain(one.difference),
        "parts": None
        if parts is None
        else {
            "price": _plain(parts.price),
            "timing": _plain(parts.timing),
            "execution": _plain(parts.execution),
            "quantity": _plain(parts.quantity),
            "fees": _plain(parts.fees),
            "total": _plain(parts.total),
        },
    }


def _totals(totals: Totals) -> dict[str, object]:
    costs = {currency: _fields(extra) for currency, extra in totals.costs.items()}
    return {**msgspec.structs.asdict(totals), "costs": costs}


def _fields(figures_of: SideFigures | MoneyTotals | ExtraCost) -> dict[str, object]:
    """The fields by name, with amounts as plain texts."""
    fields = msgspec.structs.asdict(figures_of)
    return {name: _plain(value) if isinstance(value, Decimal) else value for name, value in fields.items()}


def _filled(quantity: Decimal, price: Decimal | None) -> str:
    if price is None:
        return figures.UNDEFINED
    return f"{figures.quantity(quantity)} at {price.quantize(Decimal('1E-6')).normalize():,f}"


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize() + 0:f}"


def _amount(value: Decimal | None) -> str:
    return figures.UNDEFINED if value is None else figures.money(value + 0)
