"""The words made of an exception are bounded and can be written, whatever the exception does."""

import asyncio
from collections.abc import Callable

import pytest

from kernel.loggable import TEXT_LIMIT, message_of, place_of, words_of


def error_that_says(answer: Callable[[], object]) -> BaseException:
    """An exception whose text is whatever the function returns, or raises."""

    class Odd(BaseException):
        def __str__(self) -> str:
            return answer()  # type: ignore[return-value]  # the point

    return Odd()


def raising(error: BaseException) -> Callable[[], object]:
    def answer() -> object:
        raise error

    return answer


def caught_of(function: Callable[[], object]) -> BaseException:
    """What the function raises, as one catches it."""
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def recursing() -> object:
    return recursing()


class Text(str):
    """A text that lies about what is in it."""

    def __getitem__(self, key: object) -> str:
        raise SystemExit

    def __format__(self, spec: str) -> str:
        raise SystemExit


class Lying(type):
    """A class of classes that have no name to tell."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]  # the point
        raise SystemExit


class Nameless(Exception, metaclass=Lying):
    """Of type ``Nameless`` all the same."""

    @property  # type: ignore[misc]  # the point
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]  # the point
        raise SystemExit

    @property
    def __traceback__(self) -> None:  # type: ignore[override]  # the point
        raise SystemExit


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raising(RuntimeError("no text")), "(its text cannot be had: RuntimeError)"),
        (raising(SystemExit(0)), "(its text cannot be had: SystemExit)"),
        (raising(GeneratorExit()), "(its text cannot be had: GeneratorExit)"),
        (raising(asyncio.CancelledError()), "(its text cannot be had: CancelledError)"),
        (raising(MemoryError()), "(its text cannot be had: MemoryError)"),
        (recursing, "(its text cannot be had: RecursionError)"),
        (lambda: 5, "(its text cannot be had: TypeError)"),
        (lambda: None, "(its text cannot be had: TypeError)"),
        (lambda: Text("hollow"), "hollow"),
        (lambda: "\ud800", "\\ud800"),
        (lambda: f"{object()!r}", "<object object at 0x..>"),
        (lambda: "", ""),
    ],
)
def test_whatever_an_exception_does_for_its_text_there_are_words(
    answer: Callable[[], object], said: str
) -> None:
    error = error_that_says(answer)

    assert (message_of(error), words_of(error)) == (said, f"Odd: {said}")


def test_a_text_of_any_length_is_cut() -> None:
    error = error_that_says(lambda: "x" * 1_000_000)

    assert len(message_of(error)) == len(words_of(error)) == TEXT_LIMIT


def test_an_exception_cannot_lie_about_its_type_or_place() -> None:
    caught = caught_of(raising(Nameless("here")))

    assert words_of(caught) == "Nameless: here"
    assert place_of(caught).startswith("answer:")


def test_the_place_is_where_it_was_raised() -> None:
    assert place_of(caught_of(raising(ValueError("x")))).startswith("answer:")
    assert place_of(ValueError("never raised")) == ""


def test_who_presses_ctrl_c_is_heard() -> None:
    with pytest.raises(KeyboardInterrupt):
        words_of(error_that_says(raising(KeyboardInterrupt())))
