"""Symbols that a configuration names must be ones that the run, or its store, has: a limit on a misspelt
symbol would hold nothing, and never say so.

Where a name acts on what is traded (continuous limits, ``day_symbol``, volume profiles, commands) the run
must have it. Lists of what may or may not be traded, and terms of instruments, may be shared by several runs:
for them it is enough that the store has the symbol, or that its terms are given.
"""

from collections.abc import Collection, Iterable, Iterator

from components.assembly.settings import CoreSettings
from kernel.configuration import did_you_mean, listed
from kernel.errors import ConfigError

Named = tuple[str, str]
"""Where a symbol is named, and the symbol."""


def names_others(config: CoreSettings, played: Collection[str]) -> bool:
    """Whether symbols that the run does not have are named where it is enough that the store has them."""
    named = {symbol for _, symbol in _listed(config)}.union(one.symbol for one in config.instruments)
    return not named <= set(played)


def check_symbols(
    config: CoreSettings, *, played: Iterable[str], stored: Iterable[str], commanded: Iterable[Named] = ()
) -> None:
    """Raises ``ConfigError`` with the key, the name and the nearest one.

    - ``played``: the symbols of the run.
    - ``stored``: those of every data stream in the store. They count only where ``names_others``.
    - ``commanded``: those that commands name, which act on what is traded.
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


def _require(where: str, symbol: str, known: list[str], problem: str) -> None:
    if symbol in known:
        return
    raise ConfigError(f"{where}: {symbol!r} {problem.format(listed(known))}{did_you_mean(symbol, known)}")
