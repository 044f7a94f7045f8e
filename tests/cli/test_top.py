"""The computations of ``top``, and its table."""

from typing import Any

from interpreterd.cli import top
from interpreterd.cli.show import console
from interpreterd.cli.top import Shares
from interpreterd.client import Refused
from interpreterd.client.contexts import ContextData


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
    shown = ["dead", "dead", *"-----", "1", "2"]
    assert [row.split()[:9] for row in rows] == [shown] * 2, "what the screen holds"
    assert rows[0].rstrip().endswith(r"/a\x1b")


class Daemon:
    """A daemon, as ``top`` asks it."""

    def __init__(self, *, is_old: bool = False) -> None:
        self.is_old = is_old

    def stats(self) -> dict[str, Any]:
        if self.is_old:
            raise Refused("no such route", 404, "not_found")
        known = {"contextId": "a", "cpuSeconds": 1.5, "pssBytes": 7, "processes": 2, "threads": 3, "descriptors": 9}
        return {"contexts": [known, {**known, "contextId": "dead", "processes": None}]}

    def list_contexts(self, *, usage: bool = False) -> list[ContextData]:
        more = {"usage": {"cpuSeconds": 1.0}} if usage else {}
        return [ContextData({"id": name, **more}) for name in ("a", "dead", "new")]


def test_stats_become_usage_for_those_who_read_that() -> None:
    alive, dead, new = top._contexts(Daemon())  # type: ignore[arg-type]
    assert alive["usage"] == {"cpuSeconds": 1.5, "memoryBytes": 7, "processes": 2}
    assert alive["stats"]["threads"] == 3
    assert dead["usage"] is None
    assert (new["usage"], new["stats"]) == (None, None), "it has come between two requests"


def test_an_older_daemon_is_asked_for_usage() -> None:
    first, *_ = top._contexts(Daemon(is_old=True))  # type: ignore[arg-type]
    assert (first["usage"], first["stats"]) == ({"cpuSeconds": 1.0}, None)
