"""A context's limits: the daemon's, or the context's own where they are lower."""

import os

import attrs
import pytest

from interpreterd.model.digest import digest
from interpreterd.model.errors import InvalidLimit, InvalidRequest
from interpreterd.model.limits import MOST, NONE, Limits, check_limit, size_in_words

OURS = Limits(memory_bytes=1 << 30, output_bytes=100, queued=128, queue_is_usual=True)


def test_a_context_may_tighten_limits_and_add_its_own() -> None:
    theirs = Limits(memory_bytes=1 << 29, processes=3, queued=128)
    assert OURS.tightened(theirs) == Limits(memory_bytes=1 << 29, output_bytes=100, processes=3, queued=128)
    assert OURS.tightened(NONE) is OURS


@pytest.mark.parametrize("name", Limits.kinds())
def test_no_limit_can_be_loosened(name: str) -> None:
    with pytest.raises(InvalidLimit, match=rf"^limit {name} must be at most 7, the daemon's limit$"):
        Limits(**{name: 7}).tightened(Limits(**{name: 8}))
    assert getattr(Limits(**{name: 7}).tightened(Limits(**{name: 7})), name) == 7


def test_only_some_limits_have_to_be_looked_after() -> None:
    watched = {name for name in Limits.kinds() if Limits(**{name: 1}).watched}
    assert watched == {"memory_bytes", "cpu_s", "processes", "disk_bytes"}


def test_a_worker_may_allocate_its_memory_and_some_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NONE.data_bytes is None
    limits, slack = Limits(memory_bytes=1 << 30), {}
    for processors in (1, 2, 64, 1000):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, count=processors: set(range(count)))
        slack[processors] = (limits.data_bytes or 0) - (1 << 30)
    assert 0 < slack[1] < slack[2] < slack[64] == slack[1000]


@pytest.mark.parametrize("known", [True, False])
def test_code_counts_as_utf8(known: bool) -> None:
    limits = Limits(code_bytes=4)
    for code in ("abcd", "éé"):
        limits.check_code(code, digest(code) if known else None)
    for code in ("abcde", "éé "):
        with pytest.raises(InvalidRequest, match=r"^code must be at most 4 bytes long$"):
            limits.check_code(code, digest(code) if known else None)
    NONE.check_code("x" * 1000)


@pytest.mark.parametrize("kind", Limits.kinds().values(), ids=lambda kind: str(kind.name))
def test_a_limit_has_bounds(kind: "attrs.Attribute[object]") -> None:
    least = kind.metadata["least"]
    check_limit(kind, least or 0.001)
    check_limit(kind, MOST)
    for value in (0, -1, least - 1, MOST + 1, float("nan"), float("inf")):
        with pytest.raises(InvalidLimit, match=rf"^limit {kind.name} must be .* and at most {MOST}$"):
            check_limit(kind, value)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (3 << 19, "1536 KiB"),
        (512 << 20, "512 MiB"),
        (1 << 31, "2 GiB"),
    ],
)
def test_sizes_in_words_are_exact(count: int, words: str) -> None:
    assert size_in_words(count) == words
