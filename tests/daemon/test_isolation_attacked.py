"""Two strict contexts of one daemon: one tries every attack against the other, which works on meanwhile."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from interpreterd.cli.attacks.attack import attacks
from interpreterd.cli.attacks.campaign import client, daemon
from interpreterd.cli.attacks.contenders import contenders, run
from interpreterd.cli.attacks.ground import ground
from interpreterd.cli.attacks.judging import AttackResult

pytestmark = [pytest.mark.xdist_group("isolated libraries"), pytest.mark.timeout(180)]
WORK = """
import pandas as pd, matplotlib.pyplot as plt
frame = pd.DataFrame({"a": range(1000)})
plt.plot(frame.a)
plt.savefig("plot.png")
total = 0
for _ in range(20):
    frame.to_csv("frame.csv")
    total += int(pd.read_csv("frame.csv").a.sum())
print(total)
"""
SHARED = """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as pool:
    print(sum(pool.map(abs, range(-100, 0))))
"""


def test_a_context_works_while_another_one_attacks_it() -> None:
    with (
        ground() as place,
        daemon(place, ["--python", sys.executable]) as targets,
        client(targets) as py,
        contenders(py, place, targets, "strict") as both,
        ThreadPoolExecutor(1) as pool,
    ):
        place.renew()
        attacking = pool.submit(both.attack, attacks(), {**place.targets, **targets})
        assert run(both.neighbour, WORK) == "9990000\n"
        if "mount-namespace" in both.layers:
            assert run(both.neighbour, SHARED) == "5050\n"
        answers, layers = attacking.result(), both.layers
        judged = [AttackResult.of(it, answers.get(it.name), ("strict", layers), frozenset()) for it in attacks()]
        assert run(both.neighbour, "print(total)") == "9990000\n", "its variables are as they were"
    assert [f"{it.attack.name}: {it.said}" for it in judged if it.verdict in ("escaped", "broken")] == []
