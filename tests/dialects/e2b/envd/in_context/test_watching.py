"""A watch tells what happens in a directory."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreterd.dialects.e2b.envd.in_context.watching import LOST, Watch, watch


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "old").mkdir()
    it = Watch(str(tmp_path), recursive=True)
    yield it
    it.close()


def told(it: Watch, until: tuple[str, str]) -> list[tuple[str, str]]:
    """Return what happens, up to one event."""
    events: list[tuple[str, str]] = []
    while until not in events:
        events += it.events()
    return events


def test_each_kind_of_event(watched: Watch, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0o600)
    path.rename(tmp_path / "b")
    (tmp_path / "b").unlink()
    events = told(watched, ("b", "remove"))
    assert list(dict.fromkeys(events)) == [
        ("a", "create"),
        ("a", "write"),
        ("a", "chmod"),
        ("a", "rename"),
        ("b", "create"),
        ("b", "remove"),
    ]


def test_directories_below_are_watched_also_new_ones(watched: Watch, tmp_path: Path) -> None:
    (tmp_path / "old" / "x").touch()
    (tmp_path / "new" / "deep").mkdir(parents=True)
    assert ("old/x", "create") in told(watched, ("new/deep", "create"))
    (tmp_path / "new" / "deep" / "y").touch()
    told(watched, ("new/deep/y", "create"))


def test_events_that_the_system_does_not_keep_are_told_to_be_lost(watched: Watch, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).touch()
    for _ in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 2 + 1):
        for name in "ab":  # the same event once more would not count
            os.chmod(tmp_path / name, 0o600)
    (tmp_path / "new").mkdir()
    told(watched, ("", LOST))
    (tmp_path / "new" / "x").touch()
    told(watched, ("new/x", "create"))


def test_the_end_of_the_directory_itself(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    it = Watch(str(place), recursive=False)
    place.rmdir()
    told(it, (".", "remove"))
    it.close()


@pytest.mark.parametrize(("place", "code"), [("/nowhere/at/all", "not_found"), ("/etc/passwd", "invalid_argument")])
def test_what_cannot_be_watched_is_refused(place: str, code: str) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return ""

    watch(place, recursive=False, describe=None, ask=ask)
    (prompt,) = asked
    assert prompt.startswith(f"refused {code} ")
    assert prompt.endswith(place)


def test_events_are_written_as_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails ends the watch, as nothing else in this test does."""
    written: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        written.append(data)
        raise InterruptedError

    def ask(prompt: str) -> str:
        assert prompt == "ready"
        (tmp_path / "a").touch()
        return ""

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(InterruptedError):
        watch(str(tmp_path), recursive=False, describe=lambda path: {"path": path}, ask=ask)
    assert [json.loads(line) for line in written] == [
        {"name": "a", "type": "create", "entry": {"path": f"{tmp_path}/a"}}
    ]
