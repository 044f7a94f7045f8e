"""Files are described, listed and changed by any path."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from interpreterd.dialects.e2b.envd.in_context import files


def called(name: str, **arguments: Any) -> Any:
    """Return the reply to a call, as JSON."""
    shown: list[dict[str, Any]] = []
    files.call(name, json.dumps(arguments), lambda data, raw: shown.append(data))
    (data,) = shown
    return json.loads(data[files.REPLY])


def value(name: str, **arguments: Any) -> Any:
    reply = called(name, **arguments)
    assert "value" in reply, reply
    return reply["value"]


def test_a_file_is_described(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    path.chmod(0o640)
    os.utime(path, ns=(1, 1_000_000_005))
    found = value("stat", path=str(path))
    assert {key: found[key] for key in ("name", "type", "path", "size", "mode", "permissions", "modified")} == {
        "name": "a.txt",
        "type": "file",
        "path": str(path),
        "size": 5,
        "mode": 0o640,
        "permissions": "-rw-r-----",
        "modified": 1_000_000_005,
    }
    assert found["owner"] == path.owner()
    assert found["group"] == path.group()


def test_a_link_is_described_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "link").symlink_to("to")
    (tmp_path / "broken").symlink_to("nowhere")
    link, broken = (value("stat", path=str(tmp_path / name)) for name in ("link", "broken"))
    assert (link["type"], link["target"]) == ("directory", str(tmp_path / "to"))
    assert (broken["type"], broken["target"]) == ("symlink", str(tmp_path / "nowhere"))


def test_a_path_begins_in_the_directory_of_the_context_or_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert files.resolved("a/../b") == str(tmp_path / "b")
    assert files.resolved("~/x") == "/home/ada/x"
    assert files.resolved("/x//y/../z") == "/x/z"


def test_a_directory_is_listed_down_to_a_depth(tmp_path: Path) -> None:
    (tmp_path / "b" / "c" / "d").mkdir(parents=True)
    (tmp_path / "a").touch()
    (tmp_path / "e").symlink_to("b")

    def listed(depth: int) -> list[str]:
        return [
            it["path"].removeprefix(f"{tmp_path}/") for it in value("list_directory", path=str(tmp_path), depth=depth)
        ]

    assert listed(0) == listed(1) == ["a", "b", "e"]
    assert listed(2) == ["a", "b", "b/c", "e"]
    assert listed(9) == ["a", "b", "b/c", "b/c/d", "e"]


def test_a_listing_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ENTRIES_LIMIT", 2)
    for name in "abc":
        (tmp_path / name).touch()
    reply = called("list_directory", path=str(tmp_path), depth=1)
    assert reply["code"] == "resource_exhausted"


def test_directories_are_made_moved_and_removed(tmp_path: Path) -> None:
    assert value("make_directory", path=f"{tmp_path}/a/b")["type"] == "directory"
    (tmp_path / "a" / "b" / "file").touch()
    assert value("move", source=f"{tmp_path}/a", destination=f"{tmp_path}/x/y")["path"] == f"{tmp_path}/x/y"
    assert (tmp_path / "x" / "y" / "b" / "file").exists()
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert value("remove", path=f"{tmp_path}/link") is None
    assert (tmp_path / "x").exists()
    for _ in range(2):
        assert value("remove", path=f"{tmp_path}/x") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_replaces_another_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    value("move", source=f"{tmp_path}/a", destination=f"{tmp_path}/b")
    assert (tmp_path / "b").read_text() == "a"


def test_the_root_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda path: pytest.fail(f"{path} is removed"))
    monkeypatch.setattr(os, "unlink", lambda path: pytest.fail(f"{path} is removed"))
    for path in ("/", "/tmp/..", "//"):
        assert called("remove", path=path)["code"] == "invalid_argument"


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("stat", {"path": "/nowhere/at/all"}, "not_found"),
        ("stat", {"path": "/etc/passwd/x"}, "invalid_argument"),
        ("stat", {"path": "a\0b"}, "invalid_argument"),
        ("stat", {"path": "x" * 5000}, "invalid_argument"),
        ("stat", {"path": "x" * 300}, "invalid_argument"),
        ("list_directory", {"path": "/nowhere", "depth": 1}, "not_found"),
        ("list_directory", {"path": "/etc/passwd", "depth": 1}, "invalid_argument"),
        ("make_directory", {"path": "/etc"}, "already_exists"),
        ("make_directory", {"path": "/etc/passwd"}, "invalid_argument"),
        ("move", {"source": "/nowhere/at/all", "destination": "/tmp/x"}, "not_found"),
    ],
)
def test_errors_say_what_is_wrong(name: str, arguments: dict[str, Any], code: str) -> None:
    reply = called(name, **arguments)
    assert reply["code"] == code
    assert reply["message"]


def test_names_that_are_not_text_are_told(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff", "wb"):
        pass
    (found,) = value("list_directory", path=str(tmp_path), depth=1)
    assert found["name"] == "\N{REPLACEMENT CHARACTER}"
