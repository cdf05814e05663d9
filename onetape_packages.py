"""Refuses to go on if Python finds something else under the name of a package of ours.

Python looks for ``brokers`` beside the user's script first. A folder of that name with an ``__init__.py``, or
a file ``brokers.py``, hides our package, and an import deep inside ours would fail with a traceback that
names neither. So every package of ours that imports others calls ``require_ours`` before it does.

This file lies beside the packages, because each of them could be the hidden one. It imports none of them.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

_ROOT = Path(__file__).resolve().parent

_LIBRARY = ("kernel", "eventstore", "strategies", "components", "brokers")
IMPORTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "eventstore": ("kernel",),
        "strategies": ("kernel",),
        "brokers": ("kernel",),
        "components": ("kernel", "strategies"),
        "replay": _LIBRARY,
        "ops": (*_LIBRARY, "replay"),
    }
)
"""What each package imports of ours. A package that is not imported may be hidden."""


def require_ours(package: str, *, error: type[BaseException] = ImportError) -> None:
    """Raise ``error`` with a sentence if something hides a package that ``package`` imports."""
    for name in IMPORTED[package]:
        origin = _origin(name)
        if origin is not None and origin.parent != _ROOT / name:
            what = origin.parent if origin.name == "__init__.py" else origin
            kind = "folder" if origin.name == "__init__.py" else "file"
            raise error(
                f"onetape cannot start: the {kind} {what} has the name of its package {name!r}, and Python "
                f"imports the {kind} instead. Rename the {kind}, or start from another place"
            )


def _origin(name: str) -> Path | None:
    """The file that an import of this name runs; ``None`` if there is none to run."""
    try:
        spec = find_spec(name)
    except ValueError:  # imported already, by something without a spec
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve()
