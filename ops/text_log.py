"""Where the commands' text log goes: standard error, so that standard output stays data."""

import sys

import structlog


def log_to_stderr() -> None:
    """Send structlog's lines to standard error."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
