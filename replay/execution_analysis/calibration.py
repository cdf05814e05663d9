"""Models of the simulated venue, fitted to the orders of a live or paper log, as a configuration.

found = calibrated(executed)
found.text()   # YAML: a file that `replay` and `onetape run` take
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec
import yaml

from brokers.simulated.config import SimulatedBrokerConfig, check_broker
from kernel.configuration import listed
from kernel.errors import InputError
from replay.execution_analysis.fee_fit import charged_of, fit_fees
from replay.execution_analysis.fits import LEAST_SAMPLES, Fit
from replay.execution_analysis.latency_fit import ROLE as LATENCY
from replay.execution_analysis.latency_fit import delays_of, fit_latency
from replay.execution_analysis.records import ExecutedOrder
from replay.execution_analysis.slippage_fit import fit_slippage, samples_of
from replay.rows import Rows, number, text
from replay.simulated_venue import load_models

_FINDERS: Mapping[str, tuple[Callable[[Sequence[ExecutedOrder]], tuple[int, list[Fit]]], str]] = {
    "slippage": (
        lambda executed: (len(samples := samples_of(executed)), fit_slippage(samples)),
        "fills of market orders with a market before them",
    ),
    "latency": (
        lambda executed: (len(delays := delays_of(executed)), fit_latency(delays)),
        "orders that a venue accepted",
    ),
    "fees": (
        lambda executed: (len(charged := charged_of(executed)), fit_fees(charged)),
        "orders with fills",
    ),
}
_NOTHING = 1e-12
_AS_WELL = 2.0
"""A difference of two criteria below this says nothing (Kass and Raftery, "Bayes factors", 1995)."""
MODELS = tuple(_FINDERS)
"""What can be calibrated."""


class Calibration(msgspec.Struct, frozen=True):
    """What was fitted: by kind, every model that was tried, the best first. ``refused``: sentences."""

    fits: dict[str, tuple[Fit, ...]]
    refused: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[Fit, ...]:
        """The best model of each kind."""
        return tuple(found[0] for found in self.fits.values())

    @property
    def broker(self) -> dict[str, object]:
        """The section ``broker`` of a configuration."""
        return {fit.role: _setting(fit) for fit in self.best}

    def text(self) -> str:
        """A configuration in YAML, with what it was fitted to in comments."""
        lines = [f"# {line}" for fit in self.best for line in _told(fit)]
        lines += [f"# left out: {sentence}" for sentence in self.refused]
        body = yaml.safe_dump({"broker": self.broker}, sort_keys=False, default_flow_style=None)
        return "\n".join([*lines, body])


def calibrated(executed: Sequence[ExecutedOrder], models: Sequence[str] = MODELS) -> Calibration:
    """Fit models of these kinds. Raises ``InputError`` if there are too few samples for every one of them."""
    fits: dict[str, tuple[Fit, ...]] = {}
    refused: list[str] = []
    for name in models:
        find, what = _FINDERS[name]
        count, found = find(executed)
        if found:
            fits[name] = (_with_rivals(found), *found[1:])
        else:
            refused.append(f"{name}: there are {count} {what}; expected at least {LEAST_SAMPLES}")
    if not fits:
        raise InputError(f"nothing can be calibrated: {listed(refused)}")
    found_all = Calibration(fits, tuple(refused))
    config = msgspec.convert(found_all.broker, type=SimulatedBrokerConfig)
    check_broker(config)
    load_models(config)
    return found_all


def _with_rivals(found: Sequence[Fit]) -> Fit:
    """The best model, and in its note those that fit as well."""
    best = found[0]
    rivals = [fit.model for fit in found[1:] if fit.score - best.score < _AS_WELL and fit.role != LATENCY]
    if not rivals:
        return best
    note = "; ".join(part for part in (best.note, f"{listed(rivals)} fits as well") if part)
    return msgspec.structs.replace(best, note=note)


def calibration_rows(found: Calibration) -> tuple[Rows, ...]:
    """The tables: the parameters of the best models, and all models that were tried."""
    parameters = tuple(
        (fit.role, fit.model, one.name, f"{one.value:.6g}", f"{one.low:.6g} to {one.high:.6g}")
        for fit in found.best
        for one in fit.estimates
    )
    tried = tuple(
        (
            fit.role,
            fit.model,
            f"{fit.samples:,}",
            _error(fit),
            _explained(fit),
            "taken" if fit is fits[0] else "",
        )
        for fits in found.fits.values()
        for fit in fits
    )
    return (
        Rows(
            "Parameters",
            (text("for"), text("model"), text("parameter"), number("value"), text("95 % interval")),
            parameters,
        ),
        Rows(
            "Models that were tried",
            (
                text("for"),
                text("model"),
                *map(number, ("samples", "error", "explained")),
                text(""),
            ),
            tried,
            note="Error: root of the mean square that is left. Explained: part of the samples' mean square.",
        ),
    )


def _setting(fit: Fit) -> object:
    """A model as the configuration names it: exact numbers as texts, since fees are ``Decimal``."""
    if not fit.estimates:
        return fit.model
    is_exact = fit.role == "commission"
    params = {one.name: _param(one.rounded, is_exact=is_exact) for one in fit.estimates}
    return {"model": fit.model, "params": {**params, **fit.fixed}}


def _param(value: Decimal, *, is_exact: bool) -> str | float:
    return f"{value:f}" if is_exact else float(value)


def _error(fit: Fit) -> str:
    """Without what is left by the arithmetic of floats."""
    return f"{0.0 if fit.error < _NOTHING else fit.error:.4g} {fit.unit}"


def _explained(fit: Fit) -> str:
    return f"{100 * max(0.0, fit.explained):.2f} %"


def _told(fit: Fit) -> list[str]:
    lines = [
        f"{fit.role}: {fit.model}, from {fit.samples:,} samples; error {_error(fit)}, "
        f"explained {_explained(fit)}"
    ]
    lines += [
        f"  {one.name}: {one.value:.6g} (95 %: {one.low:.6g} to {one.high:.6g})" for one in fit.estimates
    ]
    return [*lines, f"  {fit.note}"] if fit.note else lines
