"""The computations of ``bench``. ``tests/daemon/test_tools.py`` runs it with a daemon."""

import attrs

from interpreterd.cli.bench import Figure, Measured


def test_a_ratio_is_that_of_the_turns() -> None:
    async def never() -> float:
        raise AssertionError

    figure = Figure("work", never, "floor", never, 3)
    slow_turn = Measured(figure, [[0.002, 0.002, 0.009], [0.02, 0.02, 0.02]], [[0.001] * 3, [0.01] * 3])
    assert slow_turn.to_json() == {
        "name": "work",
        "n": 6,
        "p50Ms": 14.5,
        "p99Ms": 20.0,
        "floor": "floor",
        "floorP50Ms": 5.5,
        "ratio": 2.0,
    }
    rate = Measured(attrs.evolve(figure, rate=True), [[30e6], [10e6], [20e6]], [[40e6], [40e6], [40e6]])
    shown = rate.to_json()
    assert (shown["p50MBPerS"], shown["p99MBPerS"], shown["ratio"]) == (20.0, 10.0, 0.5)
