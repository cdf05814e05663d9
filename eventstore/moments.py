"""Moments as texts for people."""

from datetime import datetime, timedelta

from kernel.time_units import SECOND_NS

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic has no zone
"""The zero of wall-clock times, before a zone is applied."""


def iso_utc(ts: int) -> str:
    """A UTC time for people, such as ``2013-03-01T20:59:59.5Z``, with as many decimals as it needs."""
    seconds, fraction = divmod(ts, SECOND_NS)
    text = (EPOCH + timedelta(seconds=seconds)).isoformat()
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"
