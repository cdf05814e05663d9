"""When the last moment is over."""

import pytest

from kernel.expiry import first_ts_after, has_expired


@pytest.mark.parametrize(("expiry_ts", "ts", "expected"), [(0, 9, False), (9, 9, False), (9, 10, True)])
def test_what_expires_is_good_up_to_and_including_its_last_moment(
    expiry_ts: int, ts: int, expected: bool
) -> None:
    assert has_expired(expiry_ts, ts) is expected


def test_the_first_moment_after_it_is_the_first_at_which_it_has_expired() -> None:
    assert has_expired(9, first_ts_after(9))
    assert not has_expired(9, first_ts_after(9) - 1)
