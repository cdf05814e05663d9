"""The text log of commands. It goes to standard error, so that standard output holds only data."""

import sys

import structlog


def log_to_stderr() -> None:
    """Send structlog's lines to standard error."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))


def log_daemon(*, as_json: bool) -> None:
    """Send the lines of a daemon to standard error: for people, or as JSON for a collector of logs."""
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
