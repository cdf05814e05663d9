"""Puts what the importer says about options of its command into the words of ``backtest(importing=...)``."""

import re

import msgspec

from eventstore.importing import ImportOptions

_FIELDS = {field.name: field for field in msgspec.structs.fields(ImportOptions)}
_COLUMNS = re.compile(r"--column \w+=[^\s,;)]*(?: --column \w+=[^\s,;)]*)*")
_COLUMN = re.compile(r"--column (\w+)=(\S*)")
_OPTION = re.compile(
    r"--([a-z]+(?:-[a-z]+)*)(?:[ =](?!(?:to|or|and|if|is|such)\b)('[^']*'|[^\s;)]*[^\s;),]|,))?"
)
_REPLACE = re.compile(r"; --replace [^;.]*")
_LISTS = ("only", "columns")


def in_python(text: str) -> str:
    """The text with ``importing={...}`` in place of each option of the command."""
    text = _REPLACE.sub("", text)
    text = _COLUMNS.sub(lambda found: _columns(found.group()), text)
    return _OPTION.sub(_option, text)


def _columns(text: str) -> str:
    named = ", ".join(f'"{target}": "{name}"' for target, name in _COLUMN.findall(text))
    return f'importing={{"column": {{{named}}}}}'


def _option(found: re.Match[str]) -> str:
    name = found.group(1).replace("-", "_")
    value: str | None = found.group(2)
    if name not in _FIELDS:
        return found.group()
    if _FIELDS[name].type is bool:
        rest = "" if value is None else f" {value}"  # the next word of the sentence
        return f'importing={{"{name}": True}}{rest}'
    return f'importing={{"{name}": {_written(name, value)}}}'


def _written(name: str, value: str | None) -> str:
    if value is None:
        return "..."
    plain = value.strip("'")
    if name in _LISTS:
        names = ["..." if each == "..." else f'"{each}"' for each in plain.split(",")]
        return f"[{', '.join(names)}]"
    return plain if _FIELDS[name].type is int else f'"{plain}"'
