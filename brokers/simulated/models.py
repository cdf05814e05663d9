"""The models of the simulated venue by role and name, and how the configuration chooses them.

A model is a frozen struct whose fields are its parameters. To add a built-in model, list it below. A model in
a user's module has a reference, ``path/to/file.py:Class``, instead of a name.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from brokers.simulated.commission import CommissionModel, FlatRates, FlatRatesOfPrice
from brokers.simulated.config import ModelChoice, ModelConfig, SimulatedBrokerConfig
from brokers.simulated.fee_schedules import COMMISSION_MODELS
from brokers.simulated.fills.bars import CloseBars, OhlcBars, OhlcReturnBars, OpenBars
from brokers.simulated.fills.book import BookFill, WalkBook
from brokers.simulated.fills.paths import AdversePathBars, PathBars
from brokers.simulated.fills.port import BarFill, QuoteFill, TradeFill
from brokers.simulated.fills.queue import QUEUE_MODELS, QueuedBook, QueuedQuotes, QueuedTrades
from brokers.simulated.fills.ticks import MakerQuotes, PrintTrades, SideQuotes, ThroughTrades, TouchTrades
from brokers.simulated.fills.volume import VolumeModel, VolumeShare
from brokers.simulated.latency import LATENCY_MODELS, LatencyModel
from brokers.simulated.own_models import CHECKED, CheckedFill, check_form
from brokers.simulated.slippage import SLIPPAGE_MODELS, FixedBps, SlippageModel
from kernel.configuration import convert_config, no_such
from kernel.errors import ConfigError
from kernel.rules import FIRST_RULES, RULES

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

# Any: the models of a role share its protocol, and protocols share no type.
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
"""By role and name. A role is a key in the configuration."""


class VenueModels(msgspec.Struct, frozen=True):
    """One model for each role. ``None``: the role is not needed."""

    bars: BarFill = OhlcBars()
    quotes: QuoteFill = SideQuotes()
    trades: TradeFill = PrintTrades()
    book: BookFill | None = None
    volume: VolumeModel | None = None
    slippage: SlippageModel | None = None
    commission: CommissionModel | None = None
    latency: LatencyModel | None = None

    @property
    def keeps_arrival(self) -> bool:
        """Whether the OHLC rule fills bars. Plain orders then fill in order of arrival (``fill_sharing``)."""
        bars = self.bars.model if isinstance(self.bars, CheckedFill) else self.bars
        return isinstance(bars, OhlcBars)


def build_models(
    config: SimulatedBrokerConfig, own: Mapping[str, object], *, rules: int = RULES
) -> VenueModels:
    """The models that a configuration chooses.

    - ``own``: models of the user's modules, by role.
    - ``rules``: the version of the rules: by the first, flat rates are of quantity times price.

    Raises ``ConfigError`` naming the key, the value seen and the names that exist.
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
    if isinstance(commission, FlatRates) and rules == FIRST_RULES:
        commission = FlatRatesOfPrice(**msgspec.structs.asdict(commission))
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
    """The models of quotes, trades and books. A queue model changes all three."""
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
    """The chosen model of each role that has one."""
    chosen = {role: getattr(config, role) for role in MODELS}
    return {role: _as_config(choice) for role, choice in chosen.items() if choice is not None}


def is_reference(name: str) -> bool:
    """Whether a model's name is a reference to a class of the user's."""
    return ":" in name or name.endswith(".py")


def convert_model(role: str, kind: type[ModelT], params: Mapping[str, object], *, name: str) -> ModelT:
    """A model with its parameters; ``ConfigError`` names a wrong one.

    ``name``: the model's name in the configuration.
    """
    where = f"broker.{role}: {name}"
    try:
        return convert_config(params, kind, where=where)
    except (ValueError, TypeError) as error:  # a field's type that no parameter can have
        raise ConfigError(f"{where}: {error}") from error


def convert_own(
    role: str, kind: type[msgspec.Struct], params: Mapping[str, object], *, name: str
) -> msgspec.Struct:
    """A model of the user's; ``ConfigError`` for an unknown parameter or a missing method."""
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for given in params:
        if given not in known:
            raise ConfigError(f"broker.{role}: {name}: {no_such(given, known)}")
    model = convert_model(role, kind, params, name=name)
    check_form(role, name, model)
    return model


def _built(
    role: str, choice: ModelChoice | None, known: Mapping[str, type[ModelT]], own: Mapping[str, object]
) -> ModelT | None:
    if choice is None:
        return None
    chosen = _as_config(choice)
    if role in own:  # cast: the form was checked when it was loaded, and each answer will be
        return cast(ModelT, CHECKED[role](own[role], f"broker.{role}: {chosen.model}"))
    kind = known.get(chosen.model)
    if kind is None:
        raise ConfigError(
            f"broker.{role}: {no_such(chosen.model, tuple(known))}, "
            "or path/to/file.py:Class for one of your own"
        )
    return convert_model(role, kind, chosen.params, name=chosen.model)


def _as_config(choice: ModelChoice) -> ModelConfig:
    return ModelConfig(choice) if isinstance(choice, str) else choice
