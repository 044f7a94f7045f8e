"""The prompt's own logic: complete input, indentation, completion and history."""

from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from interpreterd.cli import repl
from interpreterd.cli.place import PromptPlace
from interpreterd.cli.repl import ContextCompleter, indentation, is_complete
from interpreterd.client import Completions


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        ("x", True),
        ("x(", False),
        ("if x:", False),
        ("if x:\n    y", False),
        ("if x:\n    y\n", True),
        ("if x:\n    y\n    ", True),
        ("if x:\n    y\n    z", False),
        ("'''", False),
        ("x = 1\ny = 2", True),
        ("x = 1\nif y:", False),
        ("x y", True),
        ("'\\", False),
        ("\0", True),
        ("(" * 300, True),
    ],
)
def test_what_is_complete(source: str, complete: bool) -> None:
    assert is_complete(source) is complete


def test_indentation() -> None:
    assert [indentation(line) for line in ("x", "if x:", "    if x: ", "    x")] == ["", "    ", "        ", "    "]


class Idle:
    """Stands for a client and its context, which is in ``state`` and has the names ``a`` and ``ab``."""

    def __init__(self, state: str) -> None:
        self._state = state

    def get_context(self, context: str) -> "Idle":
        return self

    def __getitem__(self, key: str) -> str:
        return {"state": self._state}[key]

    def complete(self, code: str, cursor: int, *, timeout: int) -> Completions:
        start = max(code.rfind(it, 0, cursor) for it in " (") + 1
        matches = tuple(name for name in ("a", "ab") if name.startswith(code[start:cursor]))
        return Completions(matches=matches, cursor_start=start, cursor_end=cursor)


@pytest.mark.parametrize(
    ("state", "line", "offered"),
    [
        ("idle", "print(a", ["a", "ab"]),
        ("idle", "ab", ["ab"]),
        ("busy", "a", []),
        ("idle", "1 + ", []),
        ("idle", "  ", [repl.INDENT]),
    ],
)
def test_names_of_an_idle_context_are_completed(state: str, line: str, offered: list[str]) -> None:
    client: Any = Idle(state)
    completer: Any = ContextCompleter(client, PromptPlace(client, None))
    found = [it.text for it in completer.get_completions(Document(line), CompleteEvent())]
    assert [name for name in found if name in (*offered, "a", "ab")] == offered


def test_the_history_is_its_users_alone_and_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(repl, "HISTORY_LIMIT_BYTES", 100)
    path = Path(str(repl._history().filename))
    assert path == tmp_path / "interpreterd" / "history"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"".join(b"\n# when\n+line %d\n" % number for number in range(10)))
    repl._history()
    assert path.read_bytes().startswith(b"\n# when\n+line ")
    assert path.stat().st_size < 100


def test_without_a_place_for_it_there_is_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert repl._history().filename == "/dev/null"
