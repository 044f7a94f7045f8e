"""``mcp.kept``: the latest pictures are kept, and no more than a bound."""

from interpreterd.mcp.gathering import Shot
from interpreterd.mcp.kept import KeptShots


def test_the_oldest_picture_is_dropped_first() -> None:
    kept = KeptShots(limit_bytes=10)
    uris = [kept.keep("e", Shot("image/png", "x" * 4, 3, None)) for _ in range(3)]
    assert uris[0] == "interpreterd://executions/e/images/1"
    assert [kept.get(uri) is not None for uri in uris] == [False, True, True]
    assert kept.get(kept.keep("e", Shot("image/png", "x" * 11, 8, None))) is None
