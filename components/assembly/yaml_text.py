"""What YAML makes of a configuration file, made what was written: dates as text, presets as terms."""

from datetime import date
from typing import TypeGuard

import msgspec

from components.assembly.instruments import instrument_like


def readable(content: object) -> object:
    """The document with text for dates, and instruments that are ``like`` a preset with its terms.

    Raises ``ConfigError`` for a preset that is none.
    """
    plain = _with_text_dates(content)
    if _is_mapping(plain):
        instruments = plain.get("instruments")
        if _is_list(instruments):
            plain["instruments"] = [_with_preset(terms) for terms in instruments]
    return plain


def _with_text_dates(content: object) -> object:
    """YAML reads ``from: 2008-01-31`` as a date of its own; here it is the text that was written."""
    if _is_mapping(content):
        return {key: _with_text_dates(value) for key, value in content.items()}
    if _is_list(content):
        return [_with_text_dates(value) for value in content]
    return content.isoformat() if isinstance(content, date) else content  # a datetime is a date too


def _with_preset(terms: object) -> object:
    """``like: fx`` stands for the preset's terms, of which those given beside it are replaced."""
    if not _is_mapping(terms) or "like" not in terms:
        return terms
    given = {key: value for key, value in terms.items() if key != "like"}
    preset: dict[str, object] = msgspec.to_builtins(
        instrument_like(str(terms["like"]), str(given.get("symbol", "")))
    )
    if "symbol" not in given:
        del preset["symbol"]  # so that it is missed
    return {**preset, **given}


def _is_mapping(content: object) -> TypeGuard[dict[str, object]]:
    return isinstance(content, dict)


def _is_list(content: object) -> TypeGuard[list[object]]:
    return isinstance(content, list)
