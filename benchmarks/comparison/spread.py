"""How far ratios spread, and what follows from it about two trees.

Every round starts two new daemons and gives one ratio of here to there. If the trees are equal, a ratio is above 1 as
often as below, whatever the noise is like. So the interval from the k-th smallest to the k-th largest of n ratios
misses the true median with twice the probability that a coin shows heads fewer than k times in n throws: the sign
test. It assumes nothing about the distribution of the noise.

A run has many intervals. Each may miss with ``RISK`` divided by their number (Bonferroni), so that all of them
together are right in at least 95 of 100 runs.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

from attrs import field, frozen

from benchmarks.report import Unit

RISK: Final = 0.05
TOLERANCE: Final = 0.02
_WORDS: Final[dict[Unit, tuple[str, str]]] = {  # of a larger value, of a smaller one
    "s": ("slower", "faster"),
    "1/s": ("faster", "slower"),
    "bytes/s": ("faster", "slower"),
    "bytes": ("more", "less"),
    "count": ("more", "less"),
}


@frozen(kw_only=True)
class Paired:
    """What was measured in all rounds, before it is judged.

    Attributes:
        here: Of this tree, the median of each round's turns, in ``unit``; positive or 0.
        there: Of the other one, in the same rounds.
        ratios: The median, in each round, of its turns' ratios.
    """

    figure: str
    what: str
    unit: Unit
    here: list[float] = field(factory=list)
    there: list[float] = field(factory=list)
    ratios: list[float] = field(factory=list)

    def add(self, here: Sequence[float], there: Sequence[float]) -> None:
        """Take a round: a value a turn, those side by side measured one after the other."""
        self.here.append(statistics.median(here))
        self.there.append(statistics.median(there))
        self.ratios.append(statistics.median(_ratio(mine, its) for mine, its in zip(here, there, strict=True)))


@frozen(kw_only=True)
class Compared:
    """One line of the table.

    Attributes:
        here: The median of this tree's rounds, in ``unit``; None if it could not be measured.
        there: That of the other tree.
        ratio: The median of the rounds' ratios, here to there.
        low: Where the interval of the ratio begins; None with too few rounds.
        high: Where it ends.
        within: Whether the interval lies within ``TOLERANCE`` of 1: False if it is wholly beyond, None if that is open.
        verdict: The same in words.
        rounds: How many there were.
        ratios: A ratio a round.
        here_rounds: A value a round, in ``unit``.
        there_rounds: A value a round, in ``unit``.
    """

    figure: str
    what: str
    unit: Unit | None = None
    here: float | None = None
    there: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    within: bool | None = None
    verdict: str
    rounds: int = 0
    ratios: list[float] = field(factory=list)
    here_rounds: list[float] = field(factory=list)
    there_rounds: list[float] = field(factory=list)


def judge(all_paired: Sequence[Paired]) -> list[Compared]:
    """Return what may be said about all that a run measured."""
    return [_judge(paired, RISK / len(all_paired)) for paired in all_paired]


def _judge(paired: Paired, risk: float) -> Compared:
    bounds = interval(paired.ratios, risk)
    known: dict[str, Any] = {}
    if bounds is None:
        known["verdict"] = f"too few rounds to tell: at least {least_rounds(risk)} are needed"
    else:
        low, high = bounds
        known |= {"low": low, "high": high, "within": _within(low, high), "verdict": words(low, high, paired.unit)}
    return Compared(
        figure=paired.figure,
        what=paired.what,
        unit=paired.unit,
        here=statistics.median(paired.here),
        there=statistics.median(paired.there),
        ratio=statistics.median(paired.ratios),
        rounds=len(paired.ratios),
        ratios=paired.ratios,
        here_rounds=paired.here,
        there_rounds=paired.there,
        **known,
    )


def interval(ratios: Sequence[float], risk: float) -> tuple[float, float] | None:
    """Return between which two of ``ratios`` the median lies, but for ``risk``; None if there are too few of them."""
    k = _rank(len(ratios), risk)
    ordered = sorted(ratios)
    return (ordered[k - 1], ordered[-k]) if k else None


def least_rounds(risk: float) -> int:
    """Return how many rounds an interval needs at least."""
    return next(n for n in range(1, 1000) if _rank(n, risk))


def _rank(n: int, risk: float) -> int:
    """Return the largest k for which fewer than k heads, or tails, of ``n`` throws are no likelier than ``risk``."""
    likelihood, k = 0.0, 0
    while k < n / 2:
        likelihood += 2 * math.comb(n, k) / 2**n
        if likelihood > risk:
            break
        k += 1
    return k


def words(low: float, high: float, unit: Unit) -> str:
    """Say what an interval means: "slower by 3–5 %"."""
    if low <= 1 <= high:
        return f"no difference beyond noise (±{_percent(max(1 - low, high - 1))} %)"
    word = _WORDS[unit][low < 1]
    near, far = sorted((abs(low - 1), abs(high - 1)))
    least, most = _percent(near), _percent(far)
    return f"{word} by {least} %" if least == most else f"{word} by {least}–{most} %"


def _percent(share: float) -> str:
    if math.isinf(share):
        return "∞"
    return f"{share * 100:.1f}" if share < 0.0995 else f"{share * 100:.0f}"


def _within(low: float, high: float) -> bool | None:
    if low >= 1 - TOLERANCE and high <= 1 + TOLERANCE:
        return True
    return False if high < 1 - TOLERANCE or low > 1 + TOLERANCE else None


def _ratio(here: float, there: float) -> float:
    if here == there:
        return 1.0
    return here / there if there else math.inf
