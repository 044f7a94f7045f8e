"""``contexts``: its requests to the daemon, and its output."""

import contextlib
import json
from typing import Any

import pytest
from command import interpreterd

from interpreterd.cli import contexts

DATA = {
    "id": "c1",
    "state": "idle",
    "executionCount": 3,
    "queued": 0,
    "lastUsedAt": "2026-01-01T00:00:00Z",
    "cwd": "/a\x1b[31m",
    "active": True,
    "metadata": {"user": "ada"},
}


class Shown(dict[str, Any]):
    """Stands for a client's context."""

    id = "c1"
    cwd = "/a\x1b[31m"
    data = DATA


class Asked:
    """Stands for a client; keeps the calls of its methods."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **options: Any) -> Any:
            self.asked.append((name, arguments, options))
            return [Shown(DATA)] if name == "list_contexts" else Shown(DATA)

        return ask


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    client = Asked()
    monkeypatch.setattr(contexts, "opened", lambda url, local: contextlib.nullcontext(client))
    return client.asked


def test_create_asks_for_what_the_options_say(asked: list[Any]) -> None:
    options = ["--cwd", "/tmp", "--preload", "a, b", "--env", "A=1", "--label", "user=ada", "--memory", "512M"]
    assert interpreterd("contexts", "create", *options, "--cpu-s", "2.5").stdout == "c1\n"
    expected = {
        "preload": ["a", "b"],
        "envs": {"A": "1"},
        "metadata": {"user": "ada"},
        "limits": {"memoryBytes": 512 << 20, "cpuSeconds": 2.5},
    }
    assert asked == [("create_context", ("/tmp",), expected)]


def test_what_is_not_said_is_not_asked_for(asked: list[Any]) -> None:
    interpreterd("contexts", "create")
    assert asked == [("create_context", (None,), {})]


def test_a_list_is_a_table_for_people_and_json_for_programs(asked: list[Any]) -> None:
    head, row = interpreterd("contexts").stdout.splitlines()
    assert head.split() == list(contexts.LISTED)
    assert row.split()[:4] == ["c1", "idle", "3", "0"]
    assert row.split()[5:] == [r"/a\x1b[31m", "user=ada"], "nothing that a terminal obeys"
    assert json.loads(interpreterd("contexts", "list", "--label", "user=ada", "--json").stdout) == [DATA]
    assert asked[1] == ("list_contexts", (), {"labels": {"user": "ada"}})


def test_show_has_a_line_for_each_property(asked: list[Any]) -> None:
    lines = interpreterd("contexts", "show", "c1").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(DATA)
    assert {"active          true", "metadata        user=ada"} <= set(lines)


def test_delete_and_restart_say_what_they_did(asked: list[Any]) -> None:
    assert interpreterd("contexts", "delete", "a", "b").stdout == "deleted a\ndeleted b\n"
    assert interpreterd("contexts", "restart", "--cancel-queued", "c1").stdout == "restarted c1\n"
    assert asked[2] == ("restart", ("c1",), {"cancel_queued": True})
