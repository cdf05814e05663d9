"""The text log of whatever a start imports: structlog takes 200 ms to import, and most starts log nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def text_log() -> "FilteringBoundLogger":
    """The logger."""
    import structlog

    logger: FilteringBoundLogger = structlog.get_logger()
    return logger
