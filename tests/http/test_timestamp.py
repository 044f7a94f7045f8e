"""Timestamps for clients: RFC 3339, UTC, six digits of the second."""

from datetime import UTC, datetime

import pytest

from interpreterd.http.timestamp import timestamp

MOMENT_S = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("after_s", "shown"),
    [
        (0.0, "2026-01-02T03:04:05.000000Z"),
        (0.0625, "2026-01-02T03:04:05.062500Z"),
        (-6.0, "2026-01-02T03:03:59.000000Z"),
    ],
)
def test_a_moment_is_shown_in_utc(after_s: float, shown: str) -> None:
    assert timestamp(MOMENT_S + after_s) == shown
