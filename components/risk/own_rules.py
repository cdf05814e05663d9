"""Checks of a user's risk rules: their form when they are loaded, and each of their answers.

Such a rule sees an order through ``ReadOnlyCheck``, so it can change nothing. If a rule raises, or answers
with anything but a ``Denial`` or ``None``, the order is denied (risk fails closed) and the failure is
recorded.
"""

import inspect
from collections.abc import Mapping
from decimal import Decimal
from traceback import extract_tb
from typing import Protocol

import msgspec

from components.risk.order_check import OrderCheck
from kernel.configuration import convert_config, no_such
from kernel.errors import ConfigError
from kernel.events import InstrumentDefined, Order, Quote
from kernel.loggable import loggable
from strategies.sdk.risk_rules import Denial, OrderCheckView, RiskRule

RULES = "risk.rules"
"""The key of own rules in the configuration, and their role in the log."""

FORM = "check(self, order_check)"


class RuleFailure(Denial, frozen=True):
    """The denial of an order by a rule that failed. ``error`` and ``where`` go into ``ComponentFailed``."""

    error: str = ""
    where: str = ""


class ReadOnlyCheck:
    """An order check for a user's rule. ``strategies.sdk.OrderCheckView`` describes its attributes."""

    __slots__ = ("_check",)

    def __init__(self, order_check: OrderCheck) -> None:
        self._check = order_check

    @property
    def order(self) -> Order:
        return self._check.order

    @property
    def ts(self) -> int:
        return self._check.ts

    @property
    def is_replacement(self) -> bool:
        return self._check.replaced is not None

    @property
    def instrument(self) -> InstrumentDefined:
        return self._check.instrument

    @property
    def last_price(self) -> Decimal | None:
        return self._check.last_price

    @property
    def last_quote(self) -> Quote | None:
        return self._check.last_quote

    @property
    def price(self) -> Decimal | None:
        return self._check.price

    @property
    def quantity(self) -> Decimal:
        return self._check.quantity

    @property
    def notional(self) -> Decimal:
        return self._check.notional

    @property
    def held(self) -> Decimal:
        return self._check.held

    @property
    def strategy_held(self) -> Decimal:
        return self._check.strategy_held

    @property
    def projected_position(self) -> Decimal:
        return self._check.projected_position

    @property
    def opening_quantity(self) -> Decimal:
        return self._check.opening_quantity

    @property
    def cash(self) -> Decimal:
        return self._check.context.account.cash

    @property
    def equity(self) -> Decimal:
        return self._check.context.account.equity


class UncheckedRule(Protocol):
    """A rule whose answer can have any type: types in a user's module are not known here."""

    def check(self, order_check: OrderCheckView) -> object: ...


class OwnRule:
    """A user's rule with the interface of built-in rules."""

    def __init__(self, rule: UncheckedRule) -> None:
        self._rule = rule
        self._name = type(rule).__name__

    def check(self, order_check: OrderCheck) -> Denial | None:
        """The rule's answer; a ``RuleFailure`` if it raises or its answer is not valid."""
        try:
            answer = self._rule.check(ReadOnlyCheck(order_check))
        except Exception as error:  # isolation: the code is not ours, and may raise anything
            frames = extract_tb(error.__traceback__)
            where = f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""
            return self._failure(f"{type(error).__name__}: {error}", where)
        if answer is None:
            return None
        if not isinstance(answer, Denial):
            return self._failure(f"it answered {_shown(answer)}, expected a Denial or None", "check")
        problem = _problem(answer)
        if problem:
            return self._failure(problem, "check")
        return Denial(
            loggable(answer.rule), loggable(answer.reason), _text(answer.limit), _text(answer.value)
        )

    def _failure(self, error: str, where: str) -> RuleFailure:
        error = loggable(f"{self._name}: {error}")
        return RuleFailure(loggable(self._name), f"the rule failed: {error}", error=error, where=where)


def convert_rule(kind: type[msgspec.Struct], params: Mapping[str, object], *, name: str) -> RiskRule:
    """A user's rule with its parameters; ``ConfigError`` for a wrong form or wrong parameters.

    ``name`` is the rule's reference in the configuration.
    """
    where = f"{RULES}: {name}"
    if not kind.__struct_config__.frozen:
        raise ConfigError(
            f"{where}: a rule keeps no state: expected class {kind.__name__}(msgspec.Struct, frozen=True)"
        )
    check = getattr(kind, "check", None)
    if not callable(check):
        raise ConfigError(f"{where} has no method {FORM}")
    try:
        inspect.signature(check).bind("self", "order_check")
    except TypeError as error:
        raise ConfigError(f"{where}: check cannot be called as {FORM}: {error}") from error
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for given in params:
        if given not in known:
            raise ConfigError(f"{where}: {no_such(given, known)}")
    try:
        rule = convert_config(params, kind, where=where)
    except (ValueError, TypeError) as error:  # of the rule itself, or types that no parameter can have
        raise ConfigError(f"{where}: {error}") from error
    return rule  # type: ignore[return-value]  # its form was checked, its answers will be


def _problem(denial: Denial) -> str:
    """The reason why a denial cannot be recorded, as a sentence; empty if it can."""
    fields: Mapping[str, object] = msgspec.structs.asdict(denial)  # a user's code may put anything there
    for name in ("rule", "reason"):
        text = fields[name]
        if not isinstance(text, str) or not text:
            return f"the {name} of its denial is {_shown(text)}, expected a text"
    for name in ("limit", "value"):
        value = fields[name]
        if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
            return f"the {name} of its denial is {_shown(value)}, expected a number or a text"
    return ""


def _text(value: Decimal | float | str) -> str:
    return loggable(str(value))


def _shown(value: object) -> str:
    """A value of any type as text that is the same in every replay."""
    if isinstance(value, str | int | float | Decimal):
        return repr(value)
    return f"a value of type {type(value).__name__}"
