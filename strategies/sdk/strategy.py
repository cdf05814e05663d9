"""The strategy itself: typed parameters, one state struct, hooks that return decisions.

    class Params(StrategyParams, frozen=True):
        fast: Annotated[int, Range(ge=1, le=500)] = 20
        slow: Annotated[int, Range(ge=2, le=2000)] = 50

    class State(StrategyState):
        is_long: bool = False

    class MovingAverageCross(Strategy[Params, State]):
        metadata = Metadata(name="ma_cross", version="1.0.0")

        def on_bar(self, bar: Bar) -> Decisions: ...

A hook acts only through its return value, and knows only its event, ``self.params``, ``self.state`` and
``self.ctx``.
"""

from decimal import Decimal
from inspect import Signature
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

import msgspec

from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    CancelRejected,
    DecisionRefused,
    ExecutionFinished,
    ExecutionRequested,
    FeedStatusChanged,
    OrderAccepted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderTriggered,
    PositionChanged,
    Quote,
    ReplaceDenied,
    ReplaceRejected,
    SignalPosted,
    TimerFired,
    Trade,
)
from kernel.loggable import message_of
from strategies.sdk.context import Context
from strategies.sdk.decisions import Decisions
from strategies.sdk.parameters import Range as Range  # exported with the strategy
from strategies.sdk.parameters import Tunable as Tunable
from strategies.sdk.parameters import convert_params, signature_of
from strategies.sdk.used_names import uses_name

OrderUpdate = (
    OrderAccepted
    | OrderRejected
    | OrderDenied
    | OrderFilled
    | OrderCancelled
    | OrderExpired
    | OrderReplaced
    | OrderTriggered
    | OrderStateUnknown
    | CancelRejected
    | ReplaceDenied
    | ReplaceRejected
    | DecisionRefused
    | ExecutionRequested
    | ExecutionFinished
)
"""The events that ``on_order_update`` gets. ``DecisionRefused`` names no order, because none was made."""

BOOK_FEATURE = "book"
"""The feature of a strategy that reads ``ctx.book``."""
DAY_PNL_FEATURE = "day_pnl"
"""The feature of a strategy that reads ``ctx.portfolio.day_pnl``."""
DATA_QUALITY_FEATURE = "data_quality"
"""The facts about the quality of the data are played too: ``ctx.data_quality``."""

FEATURES = (BOOK_FEATURE, DAY_PNL_FEATURE, DATA_QUALITY_FEATURE)
"""All features that a strategy may declare."""


class StrategyParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base class of a strategy's parameters: fields with types, ranges and defaults."""


class StrategyState(msgspec.Struct, kw_only=True):
    """The base class of a strategy's whole mutable state: plain values that can be written and read back."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's description and needs. A run that lacks something it declares is refused before it begins.

    - ``markets``: asset classes (``"equity"``). Every symbol that the strategy gets must be of one of them.
    - ``timeframes``: bar lengths (``"1d"``). The run must have bars of each length, for at least one of the
      strategy's symbols. Leave it empty to trade on any length. With one length, ``ctx.history`` has its
      bars.
    - ``resampled``: timeframes of ``ctx.history`` that the run builds from its finer bars or trades: lengths
      (``"1h"``, ``"1mo"``), ``"tick:100"``, ``"volume:10000"`` or ``"dollar:1e6"``. A bar is in the history
      once it is complete. ``on_bar`` gets the bars of the data alone.
    - ``features``: needs beyond prices. For ``"book"`` the run must have order books for at least one of the
      strategy's symbols. With ``"day_pnl"`` the host keeps ``ctx.portfolio.day_pnl``.
      With ``"data_quality"`` the run plays what was found odd in its data, as it does for a strategy whose
      code names ``ctx.data_quality``.
    - ``max_position``: the largest position per symbol, in units. Risk enforces it.

    An empty declaration needs nothing.
    """

    name: str
    version: str = "0.1.0"
    author: str = ""
    description: str = ""
    markets: tuple[str, ...] = ()
    timeframes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    max_position: Decimal | None = None
    resampled: tuple[str, ...] = ()


class _ConstructorSignature:
    """The signature of a strategy's class: its parameters by name, for notebooks and ``help``.

    It is made when somebody asks for it: reading the types of a class runs its type hints.
    """

    def __get__(self, strategy: object, kind: "type[Strategy[Any, Any]]") -> Signature | None:
        own = kind.__mro__[: kind.__mro__.index(Strategy)]
        return None if any("__init__" in vars(each) for each in own) else signature_of(kind.params_type)


ParamsT = TypeVar("ParamsT", bound=StrategyParams)
StateT = TypeVar("StateT", bound=StrategyState)


class Strategy(Generic[ParamsT, StateT]):
    """The base class of strategies: give it your ``Params`` and ``State``, and override the hooks you need.

    A hook that is not overridden costs nothing: its events are never delivered. ``ctx`` is set by
    the host before the first hook runs.
    """

    metadata: ClassVar[Metadata]
    params_type: ClassVar[type[StrategyParams]] = StrategyParams
    state_type: ClassVar[type[StrategyState]] = StrategyState
    __signature__ = _ConstructorSignature()

    params: ParamsT
    state: StateT
    ctx: Context

    def __init_subclass__(cls) -> None:
        """Take the parameter and state types from ``Strategy[Params, State]``."""
        super().__init_subclass__()
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Strategy:
                cls.params_type, cls.state_type = get_args(base)
        if "metadata" not in cls.__dict__:
            cls.metadata = Metadata(name=cls.__name__)

    @exact
    def __init__(self, given: ParamsT | None = None, /, **params: object) -> None:
        """Build with parameters by name, or with a ``Params``.

            MovingAverageCross(fast=20, slow=50)
            MovingAverageCross(Params(fast=20, slow=50))

        Notebooks complete the first form. Editors and type checkers know only the second one, because no type
        can say "the keywords of another class".

        Raises ``InputError`` naming the parameter that is wrong, and what was expected.
        """
        name = self.metadata.name
        if given is not None:
            params = _fields_of(given, self.params_type, beside=params, name=name)
        converted = convert_params(name, self.params_type, params)
        self.params = self.params_type(**converted)  # type: ignore[assignment]  # params_type is ParamsT's class
        self.state = self.state_type()  # type: ignore[assignment]  # state_type is StateT's class
        try:
            self.validate()
        except ValueError as error:
            raise InputError(f"strategy {self.metadata.name!r}: {message_of(error)}") from error

    def validate(self) -> None:
        """Check ``self.params`` against each other; raise ``ValueError`` with a sentence.

        It belongs here: in the class of the parameters nothing would call it.
        """

    def migrate(self, state: dict[str, Any], version: str) -> dict[str, Any]:
        """Convert the state that another version of this strategy left, when it is replaced by this one.

        - ``state``: its fields by name, as plain data: numbers, text, lists and dicts.
        - ``version``: the ``metadata.version`` of the code that left it.

        Returns the fields of this version's ``State``; fields that are left out get their defaults. It is
        called only if the versions differ. Without it, fields are carried over by name.
        """
        del version
        return state

    def bars_needed(self) -> int:
        """The number of bars per symbol that ``ctx.history`` must keep from the start of the run.

        Usually it can be left out: as many bars are kept as the hooks ask for. Only two kinds of strategies
        need it: one that asks for more than 500 bars for the first time after more than 500 have come, and
        one that keeps indicators of its own (``on_warm_up``). It saves memory in a run of many symbols.
        """
        return 0

    def reads_history(self) -> bool:
        """Whether hooks may call ``ctx.history``: the name occurs in the code of the class or its module."""
        return uses_name(type(self), "history", below=Strategy)

    def needs_book(self) -> bool:
        """Whether ``ctx.book`` must know the order books of this strategy's symbols."""
        if BOOK_FEATURE in self.metadata.features:
            return True
        return any("on_book" in vars(kind) for kind in type(self).__mro__ if kind is not Strategy)

    def reads_data_quality(self) -> bool:
        """Whether the run must play what was found odd in its data, for ``ctx.data_quality``.

        The metadata has the feature, or the name occurs in the code of the class or its module.
        """
        if DATA_QUALITY_FEATURE in self.metadata.features:
            return True
        return uses_name(type(self), DATA_QUALITY_FEATURE, below=Strategy)

    def has_hook(self, name: str) -> bool:
        """Whether it has a hook of its own, for instance ``on_signal``."""
        return getattr(type(self), name) is not getattr(Strategy, name)

    def uses_log(self) -> bool:
        """Whether hooks may call ``ctx.log``: the name occurs in the code of the class or its module.

        Override it to return ``True`` if only other code calls it. Hooks that may log cost 0.1 us more per
        call.
        """
        return uses_name(type(self), "log", below=Strategy)

    def needs_day_pnl(self) -> bool:
        """Whether ``ctx.portfolio.day_pnl`` must be kept. A timer then marks each trading day's start."""
        return DAY_PNL_FEATURE in self.metadata.features

    def on_warm_up(self, bar: Bar) -> None:
        """A bar from before the run, for a strategy that keeps indicators of its own in ``self.state``.

        It is called before ``on_start``, oldest bar first, one symbol after another. Nothing can be traded
        yet. Strategies that read ``ctx.history`` do not need it.
        """

    def on_start(self) -> Decisions:
        """The session begins; no market data has been seen."""

    def on_bar(self, bar: Bar) -> Decisions:
        """A bar is complete."""

    def on_quote(self, quote: Quote) -> Decisions:
        """The best bid or ask changed."""

    def on_trade(self, trade: Trade) -> Decisions:
        """The market traded."""

    def on_book(self, book: BookSnapshot | BookDelta) -> Decisions:
        """A whole order book came, or a change of it."""

    def on_timer(self, timer: TimerFired) -> Decisions:
        """A timer of this strategy fell due."""

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        """Something happened to one of this strategy's orders, or one of its decisions was refused."""

    def on_position_update(self, position: PositionChanged) -> Decisions:
        """This strategy's position changed."""

    def on_signal(self, signal: SignalPosted) -> Decisions:
        """A model outside posted a signal for this strategy, or about one of its symbols or all of them.

        One that has expired, or comes while the strategy is paused, is not delivered.
        """

    def on_feed_status(self, status: FeedStatusChanged) -> Decisions:
        """A live feed of this strategy's symbols was lost, went stale, came back or changed its source.

        While ``status.is_stale``, the last prices are the last known ones, and say nothing about now.
        """

    def on_stop(self) -> Decisions:
        """The session ends. Orders returned here can no longer fill in a replay."""


def _fields_of(
    given: object, params_type: type[StrategyParams], *, beside: dict[str, object], name: str
) -> dict[str, object]:
    """The parameters in a struct that was given as a whole."""
    if not isinstance(given, params_type):
        raise InputError(
            f"strategy {name!r}: expected parameters by name, or a {params_type.__name__}; got "
            f"{type(given).__name__}"
        )
    if beside:
        raise InputError(
            f"strategy {name!r}: expected a {params_type.__name__} or parameters by name; got both: "
            f"{', '.join(beside)}"
        )
    return {field: getattr(given, field) for field in given.__struct_fields__}
