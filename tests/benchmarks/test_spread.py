"""The verdict on two trees: equal trees seem to differ only with the stated risk."""

import math
import random
from typing import Any

import pytest

from benchmarks.comparison.spread import RISK, Paired, interval, judge, least_rounds, words


def paired(here: list[float], there: list[float], unit: Any = "s") -> Paired:
    """Return a pair of measured trees: rounds of one turn each."""
    pair = Paired(figure="cpu", what="`pass`", unit=unit)
    for mine, its in zip(here, there, strict=True):
        pair.add([mine], [its])
    return pair


def missed(n: int, k: int) -> float:
    """Return the probability that fewer than ``k`` of ``n`` coins show one side: the interval's risk."""
    return 2 * sum(math.comb(n, i) for i in range(k)) / 2**n


@pytest.mark.parametrize("risk", [0.05, 0.01, 0.05 / 28])
def test_interval_is_the_narrowest_that_keeps_the_risk(risk: float) -> None:
    for n in range(1, 60):
        ratios = [float(number) for number in range(1, n + 1)]
        random.Random(n).shuffle(ratios)
        bounds = interval(ratios, risk)
        if bounds is None:
            assert missed(n, 1) > risk
            continue
        low, high = map(int, bounds)
        assert (low, high) == (low, n + 1 - low)
        assert missed(n, low) <= risk
        assert missed(n, low + 1) > risk or low + 1 > n / 2


@pytest.mark.parametrize(("risk", "rounds"), [(0.05, 6), (0.05 / 28, 11), (0.05 / 50, 11)])
def test_least_rounds_are_those_that_have_an_interval(risk: float, rounds: int) -> None:
    assert least_rounds(risk) == rounds
    assert interval([1.0] * rounds, risk) == (1.0, 1.0)
    assert interval([1.0] * (rounds - 1), risk) is None


@pytest.mark.parametrize(
    ("low", "high", "unit", "said"),
    [
        (0.99, 1.013, "s", "no difference beyond noise (±1.3 %)"),
        (0.97, 1.0, "s", "no difference beyond noise (±3.0 %)"),
        (1.0, 1.0, "count", "no difference beyond noise (±0.0 %)"),
        (0.4, 3.0, "1/s", "no difference beyond noise (±200 %)"),
        (1.03, 1.05, "s", "slower by 3.0–5.0 %"),
        (0.5, 0.96, "s", "faster by 4.0–50 %"),
        (0.95, 0.97, "1/s", "slower by 3.0–5.0 %"),
        (1.1, 1.12, "bytes/s", "faster by 10–12 %"),
        (1.02, 1.02, "bytes", "more by 2.0 %"),
        (0.25, 0.5, "count", "less by 50–75 %"),
        (2.0, math.inf, "bytes", "more by 100–∞ %"),
    ],
)
def test_verdict_says_what_the_interval_means(low: float, high: float, unit: Any, said: str) -> None:
    assert words(low, high, unit) == said


@pytest.mark.parametrize(
    ("factor", "within", "verdict"),
    [
        (1.0, True, "no difference beyond noise (±1.0 %)"),
        (1.04, False, "slower by 3.0–5.0 %"),
        (1.02, None, "slower by 1.0–3.0 %"),
    ],
)
def test_within_two_percent_is_said_of_the_whole_interval(factor: float, within: bool | None, verdict: str) -> None:
    there = [0.001] * 12
    here = [0.001 * (factor + noise) for noise in (-0.01, 0.01) * 6]
    (compared,) = judge([paired(here, there)])
    assert (compared.within, compared.verdict) == (within, verdict)
    assert (compared.rounds, len(compared.ratios)) == (12, 12)
    assert compared.ratio == pytest.approx(factor)


def test_a_machine_that_gets_slower_changes_no_ratio() -> None:
    pace = [1.3**number for number in range(12)]
    (compared,) = judge([paired([1.05 * it for it in pace], pace)])
    assert (compared.low, compared.high) == (pytest.approx(1.05), pytest.approx(1.05))
    assert compared.verdict == "slower by 5.0 %"


def test_equal_trees_hardly_ever_seem_to_differ_whatever_the_noise_is_like() -> None:
    """A run gives 20 verdicts. At most one run in 20 may have a wrong verdict."""
    choose = random.Random(13)
    noises = (lambda: choose.gauss(0, 0.02), lambda: choose.expovariate(10), lambda: choose.choice((0.0, 0.0, 2.0)))
    runs, wrong = 300, 0
    for number in range(runs):
        noise = noises[number % len(noises)]
        questions = [
            paired([math.exp(noise()) for _ in range(24)], [math.exp(noise()) for _ in range(24)]) for _ in range(20)
        ]
        wrong += any(not it.verdict.startswith("no difference") for it in judge(questions))
    assert wrong <= runs * RISK


def test_a_difference_beyond_the_noise_is_found() -> None:
    choose = random.Random(7)
    there = [math.exp(choose.gauss(0, 0.01)) for _ in range(24)]
    here = [1.05 * math.exp(choose.gauss(0, 0.01)) for _ in range(24)]
    (compared,) = judge([paired(here, there)])
    assert compared.verdict.startswith("slower by ")
    assert compared.within is False


def test_more_questions_need_more_rounds() -> None:
    pair = paired([1.0] * 8, [1.0] * 8)
    assert judge([pair])[0].verdict.startswith("no difference")
    for compared in judge([pair] * 20):
        assert compared.verdict == "too few rounds to tell: at least 10 are needed"
        assert (compared.low, compared.high, compared.within) == (None, None, None)


@pytest.mark.parametrize(
    ("here", "there", "verdict"),
    [
        (0.0, 0.0, "no difference beyond noise (±0.0 %)"),
        (0.0, 5.0, "less by 100 %"),
        (5.0, 0.0, "more by ∞ %"),
    ],
)
def test_nothing_on_one_side_is_a_difference_too(here: float, there: float, verdict: str) -> None:
    assert judge([paired([here] * 6, [there] * 6, "bytes")])[0].verdict == verdict
