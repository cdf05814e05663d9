"""The failure of a run in words and as an exception, the same for the command and for ``backtest``.

A failed component or strategy does not end a run: it is isolated and the others go on. So the run has
figures, and they look like those of a good run. Nobody may get them without being told.
"""

import warnings
from traceback import extract_tb
from types import TracebackType
from typing import Literal

from kernel.errors import ComponentError, ConfigError
from replay.results import RunResult

OnFailure = Literal["raise", "warn"]
"""``"raise"``: a run with failures raises ``RunFailed``. ``"warn"``: it warns with ``RunFailedWarning``."""

_OURS = ("kernel", "components", "brokers", "eventstore", "replay")


class RunFailed(ComponentError):
    """A component or strategy failed in a run, so its figures cannot be relied on.

    ``result`` is what the run recorded. The cause (``__cause__``) is the first exception; its
    traceback begins in the strategy or model that raised it.
    """

    def __init__(self, sentence: str, result: RunResult) -> None:
        super().__init__(sentence)
        self.result = result


class RunFailedWarning(UserWarning):
    """As ``RunFailed``, where the caller asked for a warning."""


def check_on_failure(value: str) -> None:
    """Raise ``ConfigError`` for a value that is not an ``OnFailure``."""
    if value not in ("raise", "warn"):
        raise ConfigError(f"on_failure: {value!r} is not one of raise, warn")


def failure_sentence(result: RunResult, error: BaseException | None = None) -> str:
    """The number of failures of a run and the first one, as ``first_failure`` tells it."""
    failures = "1 failure" if result.failures == 1 else f"{result.failures:,} failures"
    first = first_failure(result, error)
    return f"{result.run_stream}: its figures cannot be relied on: {failures}; the first: {first}"


def first_failure(result: RunResult, error: BaseException | None = None) -> str:
    """The first failure of a run in one line.

    With file and line of ``error``, the first exception, if it is still in memory: a log has no paths.
    """
    place = "" if error is None else _place(_own_part(error.__traceback__))
    return " ".join(result.first_failure.split()) + place


def tell_failures(result: RunResult, error: BaseException | None, *, on_failure: OnFailure) -> None:
    """Raise or warn if the run had failures. ``error`` is the first exception, if it is still in memory."""
    if not result.failures:
        return
    sentence = failure_sentence(result, error)
    if error is not None:
        error = error.with_traceback(_own_part(error.__traceback__))
    if on_failure == "raise":
        raise RunFailed(sentence, result) from error
    warnings.warn(RunFailedWarning(sentence), stacklevel=5)


def _own_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not of the machinery; the whole one if all frames are."""
    step = trace
    while step is not None:
        package = str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _OURS:
            return step
        step = step.tb_next
    return trace


def _place(trace: TracebackType | None) -> str:
    """File and line of the end of a traceback, as an addition to a sentence."""
    frames = extract_tb(trace)
    return f" (file {frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
