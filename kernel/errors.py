"""The errors, in one family for each consequence.

Business outcomes (denied, rejected, expired) are events, not errors.

| family | what happens next |
| --- | --- |
| ``ComponentError`` | the component or strategy is isolated, the failure recorded |
| ``StoreError`` | nothing is released; the engine halts |
| ``VenueUnavailable`` | retry with back-off |
| ``VenueNonsense`` | the message is quarantined |
| ``ConfigError`` | refuse to start |
| ``InputError`` | only that file, row, argument or engine input is refused; nothing else changes |
"""


class OnetapeError(Exception):
    """Root of all our errors; the message is a sentence for the person who must act."""


class ComponentError(OnetapeError):
    """A component broke its contract."""


class FailedApart(ComponentError):
    """The part of a component that runs in another process failed there, at the place ``where``."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(message)
        self.where = where


class StoreError(OnetapeError):
    """The event store could not do what was asked."""


class AppendConflict(StoreError):
    """The stream does not end where the writer expected: another writer appended, or this is a retry."""

    def __init__(self, stream: str, *, expected_seq: int, actual_seq: int) -> None:
        super().__init__(
            f"stream {stream!r}: expected last seq {expected_seq}, found {actual_seq}; nothing was appended"
        )
        self.stream = stream
        self.expected_seq = expected_seq
        self.actual_seq = actual_seq


class StoreDamaged(StoreError):
    """The store does not hold what was written. ``first_bad_seq`` is the first seq that cannot be trusted."""

    def __init__(self, stream: str, *, first_bad_seq: int, reason: str) -> None:
        super().__init__(f"stream {stream!r} is damaged from seq {first_bad_seq}: {reason}")
        self.stream = stream
        self.first_bad_seq = first_bad_seq
        self.reason = reason


class LogTruncated(StoreError):
    """The store is shorter than its witness says: acknowledged events are missing."""


class StreamMissing(StoreError):
    """The requested stream is not in the store."""


class VenueUnavailable(OnetapeError):
    """A venue cannot be reached, or does not answer in time."""


class VenueNonsense(OnetapeError):
    """A venue sent something that cannot be understood."""


class ConfigError(OnetapeError):
    """The configuration is wrong; names the key, the value seen and what was expected."""


class InputError(OnetapeError):
    """A file, row, argument or engine input is wrong; names it, the value seen and what was expected."""


class StrategyRefused(InputError):
    """A strategy's source may not be loaded; names file, line and reason."""


class ReplayDiverged(OnetapeError):
    """A replay did not reproduce the recorded derived events; names the first that differs."""
