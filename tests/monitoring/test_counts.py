"""The daemon's counters."""

from interpreterd.model.errors import ContextNotFound, LimitReached
from interpreterd.monitoring.counts import COUNTS, count_gap, count_pool, count_refusal


def test_an_error_that_passes_two_places_counts_once() -> None:
    before = COUNTS.refusals["limit_reached"]
    error = LimitReached("too much")
    assert count_refusal(error)
    assert not count_refusal(error)
    assert not count_refusal(error.again()), "it is the same refusal"
    assert COUNTS.refusals["limit_reached"] == before + 1


def test_refusals_count_by_the_code_of_their_error() -> None:
    before = dict(COUNTS.refusals)
    count_refusal(ContextNotFound("a"))
    count_refusal(ContextNotFound("b"))
    assert COUNTS.refusals["context_not_found"] == before.get("context_not_found", 0) + 2


def test_a_gap_counts_with_the_events_that_it_stands_for() -> None:
    gaps, missed = COUNTS.gaps, COUNTS.missed_events
    count_gap(7)
    assert (COUNTS.gaps, COUNTS.missed_events) == (gaps + 1, missed + 7)


def test_a_pool_has_a_worker_or_misses_one() -> None:
    hits, misses = COUNTS.pool_hits, COUNTS.pool_misses
    count_pool(hit=True)
    count_pool(hit=False)
    assert (COUNTS.pool_hits, COUNTS.pool_misses) == (hits + 1, misses + 1)
