"""Prepares a parsed YAML configuration: dates become text again, presets become terms."""

from datetime import date
from typing import TypeGuard

import msgspec

from components.assembly.instruments import instrument_like


def readable(content: object) -> object:
    """The document with dates as text, and with preset terms for instruments with ``like``.

    Raises ``ConfigError`` for an unknown preset.
    """
    plain = _with_text_dates(content)
    if _is_mapping(plain):
        instruments = plain.get("instruments")
        if _is_list(instruments):
            plain["instruments"] = [_with_preset(terms) for terms in instruments]
    return plain


def _with_text_dates(content: object) -> object:
    """Turn dates back into the written text: YAML parses ``from: 2008-01-31`` as a date."""
    if _is_mapping(content):
        return {key: _with_text_dates(value) for key, value in content.items()}
    if _is_list(content):
        return [_with_text_dates(value) for value in content]
    return content.isoformat() if isinstance(content, date) else content  # a datetime is a date too


def _with_preset(terms: object) -> object:
    """Replace ``like: fx`` by the preset's terms. Terms given beside it have priority."""
    if not _is_mapping(terms) or "like" not in terms:
        return terms
    given = {key: value for key, value in terms.items() if key != "like"}
    preset: dict[str, object] = msgspec.to_builtins(
        instrument_like(str(terms["like"]), str(given.get("symbol", "")))
    )
    if "symbol" not in given:
        del preset["symbol"]  # so that the missing symbol is reported
    return {**preset, **given}


def _is_mapping(content: object) -> TypeGuard[dict[str, object]]:
    return isinstance(content, dict)


def _is_list(content: object) -> TypeGuard[list[object]]:
    return isinstance(content, list)
