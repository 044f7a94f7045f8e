"""The computations of ``top``, and its table."""

from typing import Any

from interpreterd.cli import top
from interpreterd.cli.show import console
from interpreterd.cli.top import Shares


def seen(name: str, cpu_s: float | None, memory: int = 1) -> dict[str, Any]:
    usage = None if cpu_s is None else {"cpuSeconds": cpu_s, "memoryBytes": memory, "processes": 1}
    return {"id": name, "usage": usage}


def test_percentages_are_made_of_two_looks() -> None:
    shares = Shares()
    first = shares.add([seen("small", 1.0), seen("large", 5.0, 9), seen("dead", None)], 100.0)
    assert [(it["id"], it["cpuPercent"]) for it in first] == [("large", None), ("small", None), ("dead", None)]
    second = shares.add([seen("small", 1.5), seen("large", 4.0, 9), seen("dead", 0.1), seen("new", 3.0)], 102.0)
    shown = [(it["id"], it["cpuPercent"]) for it in second]
    assert shown == [("small", 25.0), ("large", 0.0), ("dead", None), ("new", None)]
    third = shares.add([seen("small", None), seen("large", 6.0, 9)], 103.0)
    assert [(it["id"], it["cpuPercent"]) for it in third] == [("large", 200.0), ("small", None)]
    assert shares.add([seen("large", 7.0)], 103.0)[0]["cpuPercent"] is None, "no time has passed"


def test_the_table_says_what_is_not_known() -> None:
    context = {
        **seen("dead", None),
        "state": "dead",
        "queued": 1,
        "executionCount": 2,
        "lastUsedAt": "2026-01-01T00:00:00Z",
        "cwd": "/a\x1b",
        "cpuPercent": None,
    }
    with (printed := console()).capture() as capture:
        printed.print(top._screen([context] * 3, 5))
    summary, head, *rows = capture.get().splitlines()
    assert summary == "3 contexts, 0 busy; CPU 0%; 0.0 MB; q leaves"
    assert head.split() == list(top.HEADS)
    assert [row.split()[:7] for row in rows] == [["dead", "dead", "-", "-", "-", "1", "2"]] * 2, "what the screen holds"
    assert rows[0].rstrip().endswith(r"/a\x1b")
