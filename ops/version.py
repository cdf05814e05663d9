"""The version that ``--version`` prints."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """The version of the installed package."""
    try:
        return version("onetape")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "unknown (not installed)"
