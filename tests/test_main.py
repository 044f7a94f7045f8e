"""The program's entry: where it imports modules from, and which modules ``serve`` leaves out."""

from pathlib import Path

import pytest

from interpreterd import __main__


def test_only_what_is_the_users_moves_to_the_end_of_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/a/../b:c")
    path = ["/here", "/b", str(tmp_path / "c"), "/usr/lib", "/usr/site"]
    expected = ["/usr/lib", "/usr/site", "/here", "/b", str(tmp_path / "c")]
    assert __main__._libraries_first(path) == expected
    monkeypatch.delenv("PYTHONPATH")
    assert __main__._libraries_first(path) == [*path[1:], "/here"]
