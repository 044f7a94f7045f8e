"""The event of a context that has a former state again."""

from interpreterd.model.archives import Skipped
from interpreterd.model.restored import Restored


def test_it_counts_what_it_keeps() -> None:
    short = Restored(archive_id="a")
    long = Restored(archive_id="a", missing=(Skipped("x" * 1000, "y" * 1000),))
    assert long.kept_bytes > short.kept_bytes + 2000
