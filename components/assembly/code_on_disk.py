"""The code of a strategy as it is on disk now, for a configuration that names it."""

import sys
from importlib.util import find_spec

from components.assembly.isolation import Isolation
from components.assembly.settings import StrategyConfig
from kernel.errors import ConfigError
from strategies.sdk.loading import LoadedStrategy, load_strategy

OURS = frozenset({"brokers", "components", "eventstore", "kernel", "ops", "replay", "strategies"})


def code_on_disk(wanted: StrategyConfig) -> LoadedStrategy:
    """Load it. Raises ``InputError``, ``StrategyRefused``, and ``ConfigError`` for a missing package."""
    return load_strategy(wanted.strategy, wanted.params, libraries=libraries_of(wanted))


def libraries_of(wanted: StrategyConfig) -> frozenset[str]:
    """The packages that a strategy may import beside those of every strategy.

    Raises ``ConfigError`` for one that is not there, and for one that would let it out of its process.
    """
    place = f"strategies: {wanted.id or wanted.strategy}: worker.requires"
    names = wanted.worker.requires
    if names and wanted.isolation is not Isolation.PROCESS:
        raise ConfigError(f"{place}: is for a strategy in a process of its own; expected isolation: process")
    for name in names:
        if name in sys.stdlib_module_names or name in OURS:
            raise ConfigError(
                f"{place}: {name!r} is no package from outside; see what every strategy may import"
            )
        if not name.isidentifier() or find_spec(name) is None:
            raise ConfigError(
                f"{place}: there is no package {name!r} in {sys.prefix}; install it there, and give the name "
                "that `import` has"
            )
    return frozenset(names)
