"""The errors inside the groups that task groups raise."""

from typing import cast


def errors_in(error: BaseException) -> tuple[BaseException, ...]:
    """The errors in a group and in the groups within it, in order; an error that is no group alone."""
    if not isinstance(error, BaseExceptionGroup):
        return (error,)
    group = cast("BaseExceptionGroup[BaseException]", error)  # isinstance tells no type of what is inside
    return tuple(each for inner in group.exceptions for each in errors_in(inner))
