"""A state directory is its owner's alone, of one daemon at a time, and has the key."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreterd.contexts.state.backends import owning
from interpreterd.contexts.state.backends.layout import key_mark
from interpreterd.contexts.state.backends.owning import OwnerLock, load_keys, open_below, open_own_directory
from interpreterd.setting_kinds import SettingError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "above" / "state"


@pytest.fixture
def directory(path: Path) -> Iterator[int]:
    fd = open_own_directory(str(path))
    yield fd
    os.close(fd)


def refusal(path: Path) -> str:
    with pytest.raises(SettingError) as caught:
        open_own_directory(str(path))
    assert caught.value.name == "state_dir"
    start = f"the state directory {path} cannot be used: "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


def test_it_is_made_for_its_owner_alone(path: Path, directory: int) -> None:
    assert path.stat().st_mode & 0o7777 == 0o700
    os.close(open_own_directory(str(path)))  # likewise the next time
    os.close(open_below(str(path), directory, "archives"))
    assert (path / "archives").stat().st_mode & 0o7777 == 0o700


def test_one_that_others_may_enter_is_refused(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    for mode in (0o755, 0o710, 0o702):
        path.chmod(mode)
        assert refusal(path) == f"it has the mode {mode:04o}, so that others may enter it: `chmod 700 {path}`"
    path.chmod(0o500)
    assert refusal(path) == f"it has the mode 0500, so that not even its owner may use it: `chmod 700 {path}`"


def test_one_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert refusal(path) == "it belongs to another user: it must belong to the one that runs the daemon"


def test_a_file_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "above").write_text("")
    assert refusal(path) in ("it, or a part of its path, is a file", "File exists")
    (tmp_path / "file").write_text("")
    assert refusal(tmp_path / "file") == "it, or a part of its path, is a file"
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(SettingError, match=r"file in it: Not a directory$"):
        open_below(str(tmp_path), fd, "file")
    os.close(fd)


def test_one_on_a_read_only_disk_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", fail)
    assert refusal(path) == "Read-only file system"


def test_the_second_daemon_is_told_who_has_it(path: Path, directory: int) -> None:
    lock = OwnerLock(str(path), directory, takes_over=False)
    with pytest.raises(SettingError, match=rf"another daemon has it \(pid {os.getpid()}, since 20\d\d-.* UTC\)$"):
        OwnerLock(str(path), directory, takes_over=False)
    lock.close()
    lock.close()
    OwnerLock(str(path), directory, takes_over=False).close()


def test_a_lock_ends_with_its_process(path: Path, directory: int) -> None:
    program = (
        "import os, sys; from interpreterd.contexts.state.backends.owning import *; "
        f"OwnerLock({str(path)!r}, os.open({str(path)!r}, os.O_RDONLY), takes_over=False); "
        "print(os.getpid(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(SettingError, match=rf"\(pid {other.pid}, "):
            OwnerLock(str(path), directory, takes_over=False)
        other.kill()
    OwnerLock(str(path), directory, takes_over=False).close()


def test_a_successor_gets_the_lock_when_the_daemon_before_it_has_ended(
    path: Path, directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    waited_for = threading.Event()

    def sign(fd: int) -> None:
        taken.append(fd)
        if len(taken) == 2:
            waited_for.set()

    monkeypatch.setattr(owning, "_sign", sign)
    first = OwnerLock(str(path), directory, takes_over=False)
    second = OwnerLock(str(path), directory, takes_over=True)
    assert len(taken) == 1
    first.close()
    assert waited_for.wait()
    with pytest.raises(SettingError, match="another daemon has it"):
        OwnerLock(str(path), directory, takes_over=False)
    second.close()
    os.close(taken[1])


def test_a_key_is_made_once(path: Path, directory: int) -> None:
    keys = load_keys(str(path), directory, may_make=True)
    assert len(keys.own) == 32
    assert (path / "key").stat().st_mode & 0o7777 == 0o600
    assert load_keys(str(path), directory, may_make=False).own == keys.own
    assert sorted(os.listdir(path)) == ["key"]


def test_the_first_key_signs_and_all_of_them_are_known(path: Path, directory: int) -> None:
    (path / "key").write_text("11" * 32 + "\n" + "22" * 32 + "\n")
    (path / "key").chmod(0o600)
    keys = load_keys(str(path), directory, may_make=False)
    assert keys.own == b"\x11" * 32
    for key in keys.all:
        assert keys.of_mark(key_mark(key)) == key
    assert keys.of_mark(key_mark(b"\x33" * 32)) is None


def test_no_key_is_made_where_archives_need_another_one(path: Path, directory: int) -> None:
    with pytest.raises(SettingError, match=r"its key is missing, and it has archives that need it: put the file back"):
        load_keys(str(path), directory, may_make=False)


@pytest.mark.parametrize("text", ["", "11" * 31, "zz" * 32, "11" * 32 + " 1", "ü"])
def test_a_key_that_is_none_is_refused(path: Path, directory: int, text: str) -> None:
    (path / "key").write_text(text)
    (path / "key").chmod(0o600)
    with pytest.raises(SettingError, match=r"its key is none: each line of the file must be 64 hexadecimal digits$"):
        load_keys(str(path), directory, may_make=True)
    assert (path / "key").read_text() == text


def test_a_key_that_others_may_read_is_refused(path: Path, directory: int) -> None:
    load_keys(str(path), directory, may_make=True)
    (path / "key").chmod(0o640)
    with pytest.raises(SettingError, match=r"others may read or change its key: `chmod 600 .*/key`"):
        load_keys(str(path), directory, may_make=True)


def test_a_key_that_is_a_link_is_refused(path: Path, directory: int, tmp_path: Path) -> None:
    (path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingError, match=r"key in it: Too many levels of symbolic links$"):
        load_keys(str(path), directory, may_make=True)
