"""The text log of commands. It goes to standard error, so that standard output holds only data."""

import sys

import structlog


def log_to_stderr() -> None:
    """Send structlog's lines to standard error."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
