"""Makes foreign text fit for the log: bounded, possible to encode, the same in every replay.

An exception of a user's code can do anything: its ``__str__`` may raise, end the process or return 70 MB, and
its class may give a wrong name. The functions here never raise. Only ``KeyboardInterrupt`` passes, because it
comes from the person at the keyboard.
"""

import re

from kernel.errors import FailedApart

TEXT_LIMIT = 500
"""Characters kept of an error's message, which may quote a value of any size."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
_KEPT = slice(TEXT_LIMIT)
_name_of = type.__dict__["__name__"].__get__
"""Reads a class's real name, which a metaclass can hide."""
_traceback_of = BaseException.__dict__["__traceback__"].__get__


def loggable(text: str) -> str:
    """The text without memory addresses, cut at ``TEXT_LIMIT``; escapes what UTF-8 cannot encode."""
    return _ADDRESS.sub("0x..", text[:TEXT_LIMIT]).encode(errors="backslashreplace").decode()


def message_of(error: BaseException) -> str:
    """The message of an exception, fit for the log."""
    return loggable(_text_of(error))


def words_of(error: BaseException) -> str:
    """The type and message of an exception, fit for the log: ``ValueError: no such thing``."""
    return loggable(f"{_class_of(error)}: {_text_of(error)}")


def place_of(error: BaseException) -> str:
    """The function and line that raised it, ``on_bar:17``; empty if it was never raised.

    Of a failure in another process: the place there.
    """
    if type(error) is FailedApart:
        return loggable(error.where)
    step = _traceback_of(error)
    if step is None:
        return ""
    while step.tb_next is not None:
        step = step.tb_next
    return loggable(f"{step.tb_frame.f_code.co_name}:{step.tb_lineno}")


def _class_of(error: BaseException) -> str:
    return str.__getitem__(_name_of(type(error)), _KEPT)


def _text_of(error: BaseException) -> str:
    """The exception's message, cut, as a plain ``str``: a subclass of it could still run code."""
    try:
        return str.__getitem__(str(error), _KEPT)
    except KeyboardInterrupt:
        raise
    except BaseException as other:
        return f"(its text cannot be had: {_class_of(other)})"
