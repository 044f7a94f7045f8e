"""Times, sizes and untrusted text in a form for people."""

from datetime import UTC, datetime

import pytest

from interpreterd.cli.show import ago, megabytes, plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86399, "23h"), (200_000, "2d")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    moment = datetime.fromtimestamp(now.timestamp() - seconds, UTC).isoformat().replace("+00:00", "Z")
    assert ago(moment, now) == text


def test_what_a_terminal_is_shown() -> None:
    assert plain("a\x1b[0m\r\n\u202eé") == r"a\x1b[0m\r\n\u202eé"
    assert (megabytes(999_949_999), megabytes(1_500_000_000)) == ("999.9 MB", "1.50 GB")
