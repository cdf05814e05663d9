"""References to a strategy's source: ``package.module:Class`` or ``path/to/file.py:Class``."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kernel.errors import InputError


class Reference(msgspec.Struct, frozen=True):
    """A reference to a strategy in its two parts. ``class_name`` is ``None`` if it was left out."""

    location: str
    class_name: str | None

    @property
    def is_path(self) -> bool:
        """Whether the location is a file. Otherwise it is a dotted module name."""
        return self.location.endswith(".py") or "/" in self.location or "\\" in self.location

    @property
    def source_name(self) -> str:
        """The name of the source in messages and tracebacks: a path made from the reference only."""
        return self.location if self.is_path else self.location.replace(".", "/") + ".py"

    def of_class(self, class_name: str) -> str:
        """The whole reference, with the class named."""
        return f"{self.location}:{class_name}"


def parse_reference(reference: str) -> Reference:
    """Split a reference into its parts; raises ``InputError`` for text of another form."""
    location, colon, class_name = reference.rpartition(":")
    if not colon or "/" in class_name or "\\" in class_name:
        location, class_name = reference, ""
    parsed = Reference(location, class_name or None)
    is_name = parsed.is_path or all(part.isidentifier() for part in location.split("."))
    if not is_name or not (class_name.isidentifier() if colon and location != reference else True):
        raise InputError(
            f"strategy {reference!r}: expected package.module:Class or path/to/file.py:Class, "
            "for instance strategies.ma_cross:MovingAverageCross"
        )
    return parsed


def find_source_file(reference: Reference) -> Path:
    """The file that holds the source; raises ``InputError`` if there is none.

    A module is searched in the current folder first, then where ``import`` would search. No package is run.
    """
    if reference.is_path:
        path = Path(reference.location)
        if not path.is_file():
            raise InputError(f"strategy file {reference.location!r} does not exist (looked in {Path.cwd()})")
        return path
    path = Path(*reference.location.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    origin = _module_origin(reference.location)
    if origin is None:
        raise InputError(
            f"strategy module {reference.location!r} does not exist in {Path.cwd()} or on the Python path; "
            "expected package.module:Class or path/to/file.py:Class"
        )
    return Path(origin)


def _module_origin(name: str) -> str | None:
    """The source file of a module, found package by package; ``None`` if there is none."""
    search: Sequence[str] | None = None
    parts = name.split(".")
    origin: str | None = None
    for length in range(1, len(parts) + 1):
        for finder in sys.meta_path:
            spec = finder.find_spec(".".join(parts[:length]), search)
            if spec is not None:
                break
        else:
            return None
        origin = spec.origin if spec.has_location else None
        if length < len(parts):
            if spec.submodule_search_locations is None:
                return None
            search = list(spec.submodule_search_locations)
    return origin if origin is not None and origin.endswith(".py") else None
