"""The order in which two trees are measured. The stage only notes its calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks.comparison.rounds import Reading, Stage, Turn, compare
from benchmarks.servers import BenchmarkError


class Diary:
    """Notes the calls of a stage; its turns measure 1, 2, 3, …"""

    def __init__(self, lacking: str | None = None) -> None:
        self.lines: list[str] = []
        self._lacking = lacking
        self._turns = 0

    @asynccontextmanager
    async def open(self, bench: Any) -> AsyncIterator[Turn]:
        self.lines.append(f"start {bench}")

        async def turn() -> list[Reading]:
            self._turns += 1
            self.lines.append(f"turn {bench}")
            readings = [Reading("time", "s", float(self._turns)), Reading("size", "bytes", 5.0)]
            return [reading for reading in readings if (reading.what, bench) != (self._lacking, "B")]

        try:
            yield turn
        finally:
            self.lines.append(f"end {bench}")


def run(stage: Stage, rounds: int) -> list[Any]:
    return asyncio.run(compare("figure", stage, "A", "B", rounds))  # type: ignore[arg-type]


def test_turns_are_a_b_b_a_and_each_round_has_new_daemons() -> None:
    diary = Diary()
    run(Stage(open=diary.open, turns=4, warm_up=1), rounds=2)
    first = ["start A", "start B", "turn A", "turn B", *(f"turn {side}" for side in "ABBAABBA"), "end B", "end A"]
    other = str.maketrans("AB", "BA")
    assert diary.lines == [*first, *(line[:-1] + line[-1].translate(other) for line in first)]


def test_a_value_a_round_is_the_median_of_its_turns_without_the_warm_up() -> None:
    time, size = run(Stage(open=Diary().open, turns=3, warm_up=1), rounds=1)
    # The warm-up measures 1 and 2; then A 3, B 4, B 5, A 6, A 7, B 8.
    assert (time.here, time.there) == ([6.0], [5.0])
    assert time.ratios == [7 / 8]  # the median of 3/4, 6/5 and 7/8: neighbouring turns
    assert (size.what, size.unit, size.here, size.there) == ("size", "bytes", [5.0], [5.0])


def test_a_stage_may_have_no_warm_up() -> None:
    time, _ = run(Stage(open=Diary().open, turns=1, warm_up=0), rounds=2)
    assert (time.here, time.there) == ([1.0, 4.0], [2.0, 3.0])


def test_what_only_one_tree_has_cannot_be_compared() -> None:
    diary = Diary(lacking="size")
    with pytest.raises(BenchmarkError, match="only one of the two trees has: size"):
        run(Stage(open=diary.open, turns=1), rounds=1)
    assert diary.lines[-2:] == ["end B", "end A"]
