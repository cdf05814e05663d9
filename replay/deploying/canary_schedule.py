"""Schedules of a canary: how much of its capital a deployed strategy gets, and for how long.

    steps_of("10% for 1d, 50% for 2d, then 100%")

A step without a time lasts until somebody promotes it. The last step is always the whole capital.
"""

import re
from decimal import Decimal
from itertools import pairwise

import msgspec

from components.assembly.settings import StrategyConfig
from kernel.errors import InputError
from kernel.events.deployments import DeploymentStep
from kernel.time_units import DAY_NS, SECOND_NS
from strategies.sdk.strategy_limits import Capital

WHOLE = Decimal(1)
PERCENT = Decimal(100)
AT_ONCE = (DeploymentStep(WHOLE),)
"""The schedule of a deployment without a canary."""
MOST_STEPS = 20
LONGEST_S = 366 * DAY_NS // SECOND_NS

_STEP = re.compile(r"(?:then\s+)?(?P<share>\d+(?:\.\d+)?)\s*%(?:\s+for\s+(?P<count>\d+)\s*(?P<unit>[smhd]))?")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": DAY_NS // SECOND_NS}


def steps_of(text: str) -> tuple[DeploymentStep, ...]:
    """The steps of a schedule; empty text: all at once. Raises ``InputError`` with what was expected."""
    if not text.strip():
        return AT_ONCE
    steps = [_step(part.strip(), text) for part in text.split(",")]
    if steps[-1].share < WHOLE:
        steps.append(DeploymentStep(WHOLE))
    steps[-1] = DeploymentStep(WHOLE)
    if len(steps) > MOST_STEPS:
        raise InputError(f"schedule: {len(steps)} steps; expected at most {MOST_STEPS}")
    shares = [step.share for step in steps]
    if any(later <= before for before, later in pairwise(shares)):
        raise InputError(f"schedule {text!r}: expected shares that grow, from above 0% to 100%")
    return tuple(steps)


def _step(part: str, text: str) -> DeploymentStep:
    found = _STEP.fullmatch(part)
    if found is None:
        raise InputError(
            f'schedule {text!r}: {part!r} is no step; expected for instance "10% for 1d, '
            '50% for 2d, then 100%", with times in s, m, h or d'
        )
    share = Decimal(found["share"]) / PERCENT
    lasts_s = 0 if found["count"] is None else int(found["count"]) * _UNITS[found["unit"]]
    if not 0 < share <= WHOLE or lasts_s > LONGEST_S:
        raise InputError(f"schedule {text!r}: {part!r}: expected above 0% to 100%, for at most 366d")
    return DeploymentStep(share, lasts_s)


def words_of_steps(steps: tuple[DeploymentStep, ...]) -> str:
    """A schedule as it is written."""
    return ", ".join(map(_shown_step, steps))


def shown_share(share: Decimal) -> str:
    """A share in percent."""
    return f"{(share * PERCENT).normalize():f}%"


def _shown_step(step: DeploymentStep) -> str:
    lasting = f" for {_shown_time(step.lasts_s)}" if step.lasts_s else ""
    return shown_share(step.share) + lasting


def _shown_time(seconds: int) -> str:
    unit = next(one for one in ("d", "h", "m", "s") if seconds % _UNITS[one] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def with_share(settings: StrategyConfig, share: Decimal) -> StrategyConfig:
    """The settings of a strategy with a share of its capital; without capital, a share of the account."""
    if share == WHOLE:
        return settings
    whole = settings.capital or Capital(fraction=WHOLE)
    capital = Capital(
        fraction=None if whole.fraction is None else whole.fraction * share,
        amount=None if whole.amount is None else whole.amount * share,
    )
    return msgspec.structs.replace(settings, capital=capital)
