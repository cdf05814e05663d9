"""Answers of the control API as rows of text."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from eventstore.moments import iso_utc
from ops.control.log_views import Fills
from ops.control.views import DeploymentView, LimitsView, StrategyView, VersionView
from replay.advice import Advice, AdviceList, Outcome, words_of_advice
from replay.figures import UNDEFINED, grouped
from replay.rows import Rows, number, text


def fill_rows(fills: Fills) -> Rows:
    """The latest fills."""
    columns = (
        number("Seq", rank=3), text("Time", rank=1), text("Strategy", rank=2), text("Symbol"), text("Side"),
        number("Quantity"), number("Price"), number("Commission", rank=4), text("Order", rank=5),
    )  # fmt: skip
    rows = tuple(
        (
            f"{one.seq}", iso_utc(one.ts), one.strategy, one.symbol, one.side, f"{one.quantity:,f}",
            f"{one.price:,f}", f"{one.commission:,f} {one.currency}", one.client_order_id,
        )
        for one in fills.fills
    )  # fmt: skip
    return Rows("Fills", columns, rows)


def advice_rows(found: AdviceList) -> Rows:
    """The latest advice, and what became of it on paper."""
    columns = (
        number("Seq", rank=4), text("Time", rank=1), text("Strategy", rank=2), text("Advice"),
        text("On paper"), text("Told", rank=3),
    )  # fmt: skip
    rows = tuple(
        (
            f"{one.seq}", iso_utc(one.ts)[:19], one.strategy, words_of_advice(one), _on_paper(one),
            " ".join(one.told),
        )
        for one in found.advice
    )  # fmt: skip
    return Rows("Advice", columns, rows)


def strategy_rows(strategies: Sequence[StrategyView]) -> Rows:
    """The strategies with their state."""
    columns = (
        text("Strategy"), text("State"), number("Net P&L"), text("Version", rank=2), text("Code", rank=3),
        text("Deployed", rank=1), text("Symbols", rank=2), text("Parameters", rank=4),
    )  # fmt: skip
    rows = tuple(
        (
            one.strategy, one.state, grouped(None if one.pnl is None else one.pnl.net),
            one.version, one.source_hash[:12], _deployed(one.deployment), " ".join(one.symbols),
            " ".join(f"{name}={value}" for name, value in one.params.items()),
        )
        for one in strategies
    )  # fmt: skip
    return Rows("Strategies", columns, rows)


def _deployed(one: DeploymentView | None) -> str:
    """How far a deployment has come."""
    if one is None:
        return ""
    if one.stopped:
        return f"{one.share}, stopped: {one.stopped}"
    if not one.next_share:
        return one.share
    when = f"at {iso_utc(one.due_ts)[:19]}" if one.due_ts else "when promoted"
    return f"{one.share}, {one.next_share} {when}"


def version_rows(versions: Sequence[VersionView]) -> Rows:
    """The recorded code of a strategy."""
    columns = (
        text("Code"),
        text("Version"),
        text("First loaded", rank=1),
        text("Last loaded"),
        text("State"),
    )
    states = ("runs" if one.is_running else "refused" if one.is_refused else "" for one in versions)
    rows = tuple(
        (one.code_hash[:12], one.version, iso_utc(one.first_ts), iso_utc(one.last_ts), state)
        for one, state in zip(versions, states, strict=True)
    )
    return Rows("Versions", columns, rows)


def limit_rows(view: LimitsView) -> Iterator[Rows]:
    """What restricts trading, then the limits that are set."""
    latches = tuple(
        ("the operator" if not one.rule else one.rule, one.symbol, one.strategy, one.state.value)
        for one in view.latches
    )
    if view.kill_switch:
        latches = (("the kill switch", "", "", view.trading_state.value), *latches)
    columns = (text("Restricted by"), text("Symbol"), text("Strategy"), text("Trading"))
    yield Rows("Restrictions", columns, latches)
    of_account = [("account", name, value) for name, value in _set(view.account)]
    of_strategies = [
        (name, limit, value) for name, limits in view.strategies.items() for limit, value in _set(limits)
    ]
    yield Rows("Limits", (text("Of"), text("Limit"), text("Value")), (*of_account, *of_strategies))


def _set(limits: msgspec.Struct) -> Iterator[tuple[str, str]]:
    """The limits that are set, in text."""
    for field in msgspec.structs.fields(limits):
        value = getattr(limits, field.name)
        if value is None or (not value and not isinstance(value, bool | Decimal | float | int)):
            continue  # an empty name or collection restricts nothing
        shown = (
            f"{value:,f}" if isinstance(value, Decimal) else msgspec.json.encode(value).decode().strip('"')
        )
        yield field.encode_name, shown


def _on_paper(advice: Advice) -> str:
    """``filled 10 at 99.5``, ``refused: no funds``."""
    if advice.outcome is Outcome.NONE:
        return UNDEFINED
    words = [advice.outcome.value]
    if advice.price is not None:
        words.append(f"{advice.filled:f} at {advice.price:.6g}")
    return " ".join(words) + (f": {advice.why}" if advice.why else "")
