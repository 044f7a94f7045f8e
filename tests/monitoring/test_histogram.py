"""Histograms: each value is in one range, its upper bound included."""

from interpreterd.monitoring.histogram import SECONDS, Histogram


def test_a_value_counts_in_the_first_range_that_holds_it() -> None:
    histogram = Histogram((1.0, 10.0))
    for value in (0.5, 1.0, 1.5, 10.0, 11.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.cumulated() == [("1.0", 2), ("10.0", 4), ("+Inf", 5)]
    assert histogram.total == 24.0


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    histogram = Histogram()
    histogram.observe(-3.0)
    assert (histogram.counts[0], histogram.total) == (1, 0.0)


def test_the_bounds_of_times_grow() -> None:
    assert sorted(set(SECONDS)) == list(SECONDS)
