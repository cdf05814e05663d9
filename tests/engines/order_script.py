"""A script of orders, given to another engine and to ours; random ones come from a seed.

``bar`` is the index of the bar at whose close a step is taken. Prices are on the tick of a cent.
"""

from collections.abc import Sequence
from random import Random

import msgspec

Row = tuple[str, float, float, float, float, float]
"""Day, open, high, low, close, volume."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One order, bracket or cancellation. ``days``: good until the end of that many days from now."""

    bar: int
    do: str = "order"
    name: str
    symbol: str = "X"
    side: str = "buy"
    type: str = "market"
    quantity: int = 0
    limit: float | None = None
    stop: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    days: int | None = None
    oco: str | None = None


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Zipline's models: volume share slippage and a commission per share with a minimum per order."""

    volume_limit: float | None = None
    price_impact: float | None = None
    per_share: float = 0.0
    minimum: float = 0.0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """All that an engine is told."""

    steps: tuple[Step, ...]
    bars: tuple[Row, ...] | dict[str, tuple[Row, ...]]
    cash: float = 1e12
    this_close: bool = False
    volume_percent: float | None = None
    commission_rate: float | None = None
    symbols: tuple[str, ...] = ("X",)
    splits: tuple[tuple[str, str, float], ...] = ()
    dividends: tuple[tuple[str, str, str, float], ...] = ()
    costs: Costs = Costs()


class EngineFill(msgspec.Struct, frozen=True, order=True):
    """An execution: the index of its bar, the order's name, how much and at what price."""

    bar: int
    name: str
    quantity: float
    price: float


KINDS = ("market", "limit", "stop", "stop_limit", "bracket", "cancel", "days", "oco")


def random_script(rows: Sequence[Row], *, seed: int, kinds: Sequence[str] = KINDS) -> tuple[Step, ...]:
    """About one step a bar, with prices around the close: in range, marketable, through and far."""
    random = Random(seed)
    steps: list[Step] = []
    for bar in range(len(rows) - 1):
        for _ in range(random.choice((0, 0, 1, 2))):
            steps += _steps(random, random.choice(kinds), bar=bar, close=rows[bar][4], sent=steps)
    return tuple(steps)


def _steps(random: Random, kind: str, *, bar: int, close: float, sent: Sequence[Step]) -> list[Step]:
    def near() -> float:
        return round(close * (1 + random.choice((0.0, 0.002, 0.01, 0.03)) * random.choice((-1, 1))), 2)

    name, side, quantity = f"{bar}.{len(sent)}", random.choice(("buy", "sell")), random.randint(1, 50)

    def step(**terms: object) -> Step:
        given = {"bar": bar, "name": name, "side": side, "quantity": quantity, **terms}
        return msgspec.convert(given, Step)

    match kind:
        case "limit":
            return [step(type="limit", limit=near())]
        case "stop":
            return [step(type="stop", stop=near())]
        case "stop_limit":
            return [step(type="stop_limit", stop=near(), limit=near())]
        case "days":
            return [step(type="limit", limit=near(), days=random.randint(1, 10))]
        case "cancel":
            paired = {one.oco for one in sent}
            names = [one.name for one in sent if one.do == "order" and one.bar < bar and not one.oco]
            single = [name for name in names if name not in paired]
            return [Step(bar=bar, do="cancel", name=random.choice(single))] if single else []
        case "bracket":
            sign = 1 if side == "buy" else -1
            loss, profit = (round(close * (1 + sign * by), 2) for by in (-0.03, 0.04))
            return [step(do="bracket", stop_loss=loss, take_profit=profit)]
        case "oco":
            far = 1.02 if side == "buy" else 0.98
            return [
                step(type="stop", stop=round(close * far, 2)),
                step(type="limit", limit=round(close / far, 2), name=f"{name}/other", oco=name),
            ]
        case _:
            return [step()]
