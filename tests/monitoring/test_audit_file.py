"""The file of the audit log goes on where it has ended, also after a crash and in a new file."""

import os
import stat
from pathlib import Path

import pytest

from interpreterd.monitoring.audit_chain import START, Checked, line_hash
from interpreterd.monitoring.audit_file import AuditFile


def written(path: Path, *events: str, after: str | None = None) -> str:
    file = AuditFile(str(path), after)
    file.begin({})
    for event in events:
        file.add({"event": event})
    file.write()
    file.close()
    file.close()
    return file.last


def checked(*paths: Path) -> Checked:
    result = Checked()
    for path in paths:
        result.check(path.read_bytes().splitlines(keepends=True))
    return result


def test_a_second_daemon_goes_on_after_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    written(path, "a", "b" * 200_000)
    last = written(path, "c")
    result = checked(path)
    assert (result.lines, result.first, result.last) == (5, START, last)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_names_the_end_of_the_old_one(tmp_path: Path) -> None:
    last = written(tmp_path / "old", "a")
    written(tmp_path / "new", "b", after=last)
    assert checked(tmp_path / "old", tmp_path / "new").lines == 4
    assert checked(tmp_path / "new").first == last


@pytest.mark.parametrize("cut", [1, 10])
def test_a_line_that_a_crash_has_cut_is_ended_and_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "audit"
    written(path, "a")
    path.write_bytes(path.read_bytes()[:-cut])
    torn = path.read_bytes().rpartition(b"\n")[2]
    written(path, "b")
    lines = path.read_bytes().splitlines(keepends=True)
    assert line_hash(torn).encode() in lines[2]
    assert line_hash(lines[0][:-1]).encode() in lines[2]
    assert checked(path).lines == 4


def test_only_one_process_writes_to_a_file(tmp_path: Path) -> None:
    file = AuditFile(str(tmp_path / "audit"))
    with pytest.raises(BlockingIOError):
        AuditFile(str(tmp_path / "audit"))
    file.close()
    AuditFile(str(tmp_path / "audit")).close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path, tmp_path / "link", tmp_path / "missing" / "audit"):
        with pytest.raises(OSError, match=r"directory|symbolic"):
            AuditFile(str(path))
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_was_moved_away_is_not_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    file = AuditFile(str(path))
    assert file.is_in_place
    path.rename(tmp_path / "audit.1")
    assert not file.is_in_place
    path.touch()
    assert not file.is_in_place
    file.close()


def test_what_cannot_be_written_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit"
    file = AuditFile(str(path))
    file.begin({})
    write, full = os.write, True

    def some(fd: int, data: bytes) -> int:
        if full and len(data) <= 40:
            raise OSError(28, "No space left on device")
        return write(fd, data[:30] if full else data)

    monkeypatch.setattr(os, "write", some)
    with pytest.raises(OSError, match="No space"):
        file.write()
    assert file.is_full_of > 0
    file.add({"event": "later"})
    full = False
    file.write()
    file.close()
    assert checked(path).lines == 2
