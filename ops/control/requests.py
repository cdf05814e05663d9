"""The bodies of commands, and the settings of questions. Unknown keys are refused."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from components.assembly.settings import StrategyConfig
from kernel.events import CashFlowKind, SignalDirection
from ops.daemon.wanted_deployment import Judged, RecordedCode
from replay.reopening import Orphan

Text = Annotated[str, msgspec.Meta(max_length=1_000)]
Short = Annotated[str, msgspec.Meta(max_length=100)]
"""For an address, which has 4,096 bytes at most: a character may need twelve of them."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
"""A reason that must be given."""
Key = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[!-~]*$")]
"""Names a request, in letters, digits and signs."""

BOOKED = frozenset(CashFlowKind) - {CashFlowKind.CASH_IN_LIEU, CashFlowKind.CONVERSION}
"""The kinds of cash that an operator may book."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A command with an optional reason.

    ``id`` names the request, as the header ``Idempotency-Key`` does: repeated, it is not carried out again.
    """

    reason: Text = ""
    id: Key = ""


class Grave(Command, frozen=True, kw_only=True):
    """A command that needs a reason."""

    # with keywords alone, a field without a default may follow one that has one
    reason: Reason  # pyright: ignore[reportGeneralTypeIssues]


class OfStrategy(Command, frozen=True, kw_only=True):
    """A command for a strategy, or for all if ``strategy`` is left out."""

    strategy: Text = ""


class StopStrategy(Grave, frozen=True, kw_only=True):
    """Ends what a strategy does (or all do): no more market data, its orders cancelled.

    ``flatten``: its positions are closed, too.
    """

    strategy: Text = ""
    flatten: bool = False


class ReleaseStrategy(Command, frozen=True, kw_only=True):
    """Takes a strategy out of quarantine."""

    strategy: Name


class AcknowledgeAlert(Command, frozen=True, kw_only=True):
    """Acknowledges an open alert."""

    alert_id: Name


class CancelOne(Command, frozen=True, kw_only=True):
    """Cancels an order, or one that is worked in parts."""

    client_order_id: Name


class CancelMany(Command, frozen=True, kw_only=True):
    """Cancels all orders, or those of a symbol."""

    symbol: Text = ""


class Flatten(Grave, frozen=True, kw_only=True):
    """Closes positions: all, of a symbol, of a strategy."""

    symbol: Text = ""
    strategy: Text = ""


class ReleaseKillSwitch(Grave, frozen=True, kw_only=True):
    """Ends the kill switch. ``confirm`` is typed by hand: ``RELEASE`` and the name of the log."""

    confirm: Text


class AdjustHeld(Grave, frozen=True, kw_only=True):
    """Sets a strategy's position to what it is at the venue: ``quantity`` units, opened at ``price``."""

    strategy: Name
    symbol: Name
    quantity: Decimal
    price: Decimal


class BookCash(Grave, frozen=True, kw_only=True):
    """Books cash that came in, or went out if ``amount`` is below 0, in the account's currency.

    ``kind``: a deposit, or a kind of income or cost.
    """

    amount: Decimal
    kind: CashFlowKind


class ConfirmLive(Grave, frozen=True, kw_only=True):
    """Lets orders go to the venue. Both are typed by hand: the name of the log, and the account's id."""

    log: Text
    account: Text


Given = Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=100)]
"""Settings by their names in the configuration; each is checked as there."""  # values of their own types


class SetLimits(Grave, frozen=True, kw_only=True):
    """Changes limits of the account, or of a strategy; the others stay. ``null`` takes a limit away."""

    limits: Given
    strategy: Text = ""


class SetCapital(Grave, frozen=True, kw_only=True):
    """Changes the capital of a strategy: a fraction of the account, or an amount; neither: all of it."""

    strategy: Name
    fraction: Decimal | None = None
    amount: Decimal | None = None


class SetParameters(Grave, frozen=True, kw_only=True):
    """Changes parameters of a strategy; the others stay."""

    strategy: Name
    params: Annotated[dict[str, str | int | float | bool | None], msgspec.Meta(min_length=1, max_length=100)]


class ReloadStrategy(Command, frozen=True, kw_only=True):
    """Loads the code of a strategy's file again. ``force``: whatever the comparison with the old one says."""

    strategy: Name
    force: bool = False


class RollBackStrategy(Command, frozen=True, kw_only=True):
    """Goes back to the version before: code, or a deployment with its settings and its capital.

    - ``to``: recorded code instead, by the begin of its hash.
    - ``positions``: what becomes of them. Left out, they stay; a strategy that did not run before, and has
      some, is not removed then.
    """

    strategy: Name
    to: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{0,64}\Z")] = ""
    positions: Orphan | None = None


class DeployStrategy(Command, frozen=True, kw_only=True):
    """Puts a version of a strategy into force.

    - ``strategy``: the name of an entry of the configuration, unless ``settings`` are given: a whole entry.
    - ``schedule``: of its capital, for instance ``10% for 1d, then 100%``. Empty: all at once.
    - ``max_drawdown``: the fraction of its capital that a canary may lose from its best.
    - ``flatten_on_stop``: a canary that is stopped closes its positions.
    - ``code``: recorded in the log of another environment, whose ``gate`` it has passed.
    - ``force``: why it is deployed without having passed.
    """

    strategy: Name
    settings: StrategyConfig | None = None
    schedule: Text = ""
    max_drawdown: Decimal | None = None
    flatten_on_stop: bool = False
    code: RecordedCode | None = None
    gate: Judged | None = None
    force: Text = ""


class PromoteStrategy(Command, frozen=True, kw_only=True):
    """Takes the next step of a deployment's schedule at once."""

    strategy: Name


class OutsideSignal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A signal: a value, a direction, further fields, or several of them.

    - ``symbol``: left out: about all. ``strategy``: left out: for all that take it.
    - ``expire_s``: the end of its use, in seconds since the epoch (as ``time.time()`` counts); 0: never.
    """

    symbol: Text = ""
    strategy: Text = ""
    value: float | None = None
    direction: SignalDirection | None = None
    strength: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    expire_s: Annotated[float, msgspec.Meta(ge=0, le=4e9)] = 0.0
    fields: Annotated[dict[Name, Text | float | bool], msgspec.Meta(max_length=50)] = {}


class PostSignals(Command, frozen=True, kw_only=True):
    """Posts signals of an outside model. ``source``: the model, by its own name."""

    source: Name
    signals: Annotated[tuple[OutsideSignal, ...], msgspec.Meta(min_length=1, max_length=500)]


class OneStrategy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The strategy that is asked about."""

    strategy: Name


class DifferenceAsked(OneStrategy, frozen=True, kw_only=True):
    """What the running code is compared with: a recorded version; left out: its file."""

    to: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{0,64}\Z")] = ""


class FillsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fills that are wanted: the last ``limit``, of a symbol if it is given."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    symbol: Text = ""


class AdviceAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The advice that is wanted: the last ``limit``, of a symbol or a strategy if they are given."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    symbol: Short = ""
    strategy: Short = ""


class StreamAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the events of a stream begin: after ``after``; left out: now."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""
