"""A store that was made from a backup. It is kept in the store's record of its segments."""

from kernel.events.header import Event


class StoreRestored(Event, frozen=True, tag=130):
    """Input: the store was made from a backup of ``backup_ts``.

    The next session's epoch is above all that may have been used since the backup.
    """

    backup_ts: int
