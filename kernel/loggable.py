"""Words of strange origin made fit for the log: the same in every replay, and possible to write."""

import re

TEXT_LIMIT = 500
"""Characters kept of an error's message; it may quote whatever it was given."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")


def loggable(text: str) -> str:
    """The text without memory addresses, cut at ``TEXT_LIMIT``, what UTF-8 cannot hold escaped."""
    return _ADDRESS.sub("0x..", text[:TEXT_LIMIT]).encode(errors="backslashreplace").decode()
