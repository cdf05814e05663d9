"""Checks that the symbols named in a configuration exist: a limit on a misspelt symbol would limit nothing.

- Continuous limits, ``day_symbol``, volume profiles and commands act on traded symbols. The run must have
  them.
- ``restricted``, ``allow_only``, ``locate_quantity`` and ``instruments`` may be shared by several runs. The
  store must have their symbols; for all but ``instruments``, terms under ``instruments`` are enough too.
"""

from collections.abc import Collection, Iterable, Iterator

from components.assembly.settings import CoreSettings
from kernel.configuration import did_you_mean, listed
from kernel.errors import ConfigError

Named = tuple[str, str]
"""The key that names a symbol, and the symbol."""


def names_others(config: CoreSettings, played: Collection[str]) -> bool:
    """Whether shared keys name symbols outside the run, so that the store must be read."""
    named = {symbol for _, symbol in _listed(config)}.union(one.symbol for one in config.instruments)
    return not named <= set(played)


def check_symbols(
    config: CoreSettings, *, played: Iterable[str], stored: Iterable[str], commanded: Iterable[Named] = ()
) -> None:
    """Raise ``ConfigError`` with the key, the unknown symbol and the most similar known one.

    - ``played``: the symbols of the run.
    - ``stored``: the symbols of all data streams in the store; needed only if ``names_others``.
    - ``commanded``: the symbols that commands name.
    """
    own = sorted(set(played))
    for where, symbol in (*_acting(config), *commanded):
        _require(where, symbol, own, "is not in the run, which has {}")
    known = sorted({*own, *stored, *(one.underlying for one in config.instruments)} - {""})
    for instrument in config.instruments:
        _require("instruments", instrument.symbol, known, "is not in the data, which has {}")
    known = sorted({*known, *(instrument.symbol for instrument in config.instruments)})
    for where, symbol in _listed(config):
        _require(where, symbol, known, "is neither in the data nor under instruments: there are {}")


def _acting(config: CoreSettings) -> Iterator[Named]:
    risk, execution = config.risk, config.execution
    if risk.day_symbol:
        yield "risk.day_symbol", risk.day_symbol
    for number, limit in enumerate(risk.continuous, start=1):
        for symbol in limit.symbols:
            yield f"risk.continuous: number {number} ({limit.kind.value}): symbols", symbol
    for symbol in execution.volume_profiles:
        yield "execution.volume_profiles", symbol
    for symbol in execution.learn_volume:
        yield "execution.learn_volume", symbol


def _listed(config: CoreSettings) -> Iterator[Named]:
    for key in ("restricted", "allow_only"):
        symbols: tuple[str, ...] = getattr(config.risk, key)
        for symbol in symbols:
            yield f"risk.{key}", symbol
    for symbol in config.risk.locate_quantity:
        yield "risk.locate_quantity", symbol


def _require(where: str, symbol: str, known: list[str], problem: str) -> None:
    if symbol in known:
        return
    raise ConfigError(f"{where}: {symbol!r} {problem.format(listed(known))}{did_you_mean(symbol, known)}")
