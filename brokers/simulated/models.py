"""The models of the simulated venue by role and name, and how configuration chooses them.

A model is a frozen struct whose fields are its parameters. To add one of ours, list it below; one in a
module of your own is named in the configuration by its reference, ``path/to/file.py:Class``, and comes in
through ``own``.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from brokers.simulated.commission import CommissionModel, FlatRates
from brokers.simulated.config import ModelChoice, ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fee_schedules import COMMISSION_MODELS
from brokers.simulated.fills.bars import CloseBars, OhlcBars, OhlcReturnBars, OpenBars
from brokers.simulated.fills.book import BookFill, WalkBook
from brokers.simulated.fills.paths import AdversePathBars, PathBars
from brokers.simulated.fills.port import BarFill, QuoteFill, TradeFill, VolumeModel
from brokers.simulated.fills.queue import (
    QUEUE_MODELS,
    QueuedBook,
    QueuedQuotes,
    QueuedTrades,
)
from brokers.simulated.fills.ticks import MakerQuotes, PrintTrades, SideQuotes, ThroughTrades, TouchTrades
from brokers.simulated.fills.volume import VolumeShare
from brokers.simulated.latency import LATENCY_MODELS, LatencyModel
from brokers.simulated.slippage import SLIPPAGE_MODELS, FixedBps, SlippageModel
from kernel.errors import ConfigError

ModelT = TypeVar("ModelT")

BAR_MODELS: Mapping[str, type[BarFill]] = {
    "ohlc": OhlcBars,
    "ohlc_return": OhlcReturnBars,
    "open": OpenBars,
    "close": CloseBars,
    "path": PathBars,
    "path_pessimistic": AdversePathBars,
}
QUOTE_MODELS: Mapping[str, type[QuoteFill]] = {"quote": SideQuotes, "maker": MakerQuotes}
TRADE_MODELS: Mapping[str, type[TradeFill]] = {
    "print": PrintTrades,
    "touch": TouchTrades,
    "through": ThroughTrades,
}
BOOK_MODELS: Mapping[str, type[BookFill]] = {"walk": WalkBook}
VOLUME_MODELS: Mapping[str, type[VolumeModel]] = {"share": VolumeShare}

# Any: what a role's models have in common is its protocol, and no type is above all protocols.
MODELS: Mapping[str, Mapping[str, type[Any]]] = {
    "bars": BAR_MODELS,
    "quotes": QUOTE_MODELS,
    "trades": TRADE_MODELS,
    "book": BOOK_MODELS,
    "queue": QUEUE_MODELS,
    "volume": VOLUME_MODELS,
    "slippage": SLIPPAGE_MODELS,
    "commission": COMMISSION_MODELS,
    "latency": LATENCY_MODELS,
}
"""By role, which is its key in the configuration, and name."""

METHODS: Mapping[str, str] = {
    "bars": "fill",
    "quotes": "fill",
    "trades": "fill",
    "book": "fill",
    "queue": "ahead_after",
    "volume": "available",
    "slippage": "price",
    "commission": "commission",
    "latency": "delay_ns",
}
"""What a model of a role must have."""


class VenueModels(msgspec.Struct, frozen=True):
    """One model for each role; ``None``: there is nothing to work out."""

    bars: BarFill = OhlcBars()
    quotes: QuoteFill = SideQuotes()
    trades: TradeFill = PrintTrades()
    book: BookFill | None = None
    volume: VolumeModel | None = None
    slippage: SlippageModel | None = None
    commission: CommissionModel | None = None
    latency: LatencyModel | None = None


def build_models(config: SimulatedBrokerConfig, own: Mapping[str, object]) -> VenueModels:
    """The models that a configuration chooses; ``own`` has those of the user's modules, by role.

    Raises ``ConfigError`` naming the key, what was given and what there is.
    """
    slippage = _built("slippage", config.slippage, SLIPPAGE_MODELS, own)
    if config.slippage_bps:
        if slippage is not None:
            raise ConfigError("broker: give slippage or slippage_bps, not both")
        slippage = FixedBps(config.slippage_bps)
    commission = _built("commission", config.commission, COMMISSION_MODELS, own)
    rates = (config.commission_per_share, config.commission_per_order, config.commission_rate)
    if any(rates):
        if commission is not None:
            raise ConfigError(
                "broker: give commission, or commission_per_share, _per_order and _rate, not both"
            )
        commission = FlatRates(per_share=rates[0], per_order=rates[1], rate=rates[2])
    quotes, trades, book = _tick_models(config, own)
    return VenueModels(
        bars=_built("bars", config.bars, BAR_MODELS, own) or OhlcBars(),
        quotes=quotes,
        trades=trades,
        book=book,
        volume=_built("volume", config.volume, VOLUME_MODELS, own),
        slippage=slippage,
        commission=commission,
        latency=_built("latency", config.latency, LATENCY_MODELS, own),
    )


def _tick_models(
    config: SimulatedBrokerConfig, own: Mapping[str, object]
) -> tuple[QuoteFill, TradeFill, BookFill | None]:
    """The models of quotes, trades and books: with a queue each knows of it."""
    quotes = _built("quotes", config.quotes, QUOTE_MODELS, own)
    trades = _built("trades", config.trades, TRADE_MODELS, own)
    book = _built("book", config.book, BOOK_MODELS, own)
    queue = _built("queue", config.queue, QUEUE_MODELS, own)
    if queue is None:
        if book is not None:
            return quotes or MakerQuotes(), trades or ThroughTrades(), book
        return quotes or SideQuotes(), trades or PrintTrades(), None
    return (
        QueuedQuotes(quotes or MakerQuotes(), queue),
        QueuedTrades(trades or TouchTrades()),
        None if book is None else QueuedBook(book, queue),
    )


def choices(config: SimulatedBrokerConfig) -> dict[str, ModelConfig]:
    """What is chosen for each role, of those that are."""
    chosen = {role: getattr(config, role) for role in MODELS}
    return {role: _as_config(choice) for role, choice in chosen.items() if choice is not None}


def is_reference(name: str) -> bool:
    """Whether a model's name says where a class of the user's is."""
    return ":" in name or name.endswith(".py")


def convert_model(role: str, kind: type[ModelT], params: Mapping[str, object]) -> ModelT:
    """A model with its parameters; ``ConfigError`` names the one that is wrong."""
    try:
        model = msgspec.convert(params, kind, strict=False)
    except (ValueError, TypeError) as error:  # msgspec's ValidationError is a ValueError
        raise ConfigError(f"broker.{role}: {kind.__name__}: {error}") from error
    method = METHODS[role]
    if not callable(getattr(model, method, None)):
        raise ConfigError(f"broker.{role}: {kind.__name__} has no method {method!r}")
    return model


def _built(
    role: str, choice: ModelChoice | None, known: Mapping[str, type[ModelT]], own: Mapping[str, object]
) -> ModelT | None:
    if choice is None:
        return None
    if role in own:
        return cast(ModelT, own[role])  # the user's: that it has the role's method was checked
    chosen = _as_config(choice)
    kind = known.get(chosen.model)
    if kind is None:
        there = ", ".join(known)
        raise ConfigError(
            f"broker.{role}: there is no model {chosen.model!r}; there are {there}, "
            "or path/to/file.py:Class for one of your own"
        )
    return convert_model(role, kind, chosen.params)


def _as_config(choice: ModelChoice) -> ModelConfig:
    return ModelConfig(choice) if isinstance(choice, str) else choice
