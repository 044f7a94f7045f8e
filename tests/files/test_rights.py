"""A thread works on files as another user, and only that thread, and only within the block."""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interpreterd.files import rights
from interpreterd.files.beneath import locate, open_directory
from interpreterd.files.rights import acting_as, as_daemon, drop_groups

USER = 122_001
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may act as others")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Return a directory that only the daemon's user may enter, with the directory ``inside`` of ``USER``."""
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "secret").write_text("secret")
    (tmp_path / "closed" / "secret").chmod(0o600)
    (tmp_path / "closed" / "inside").mkdir(mode=0o700)
    os.chown(tmp_path / "closed" / "inside", USER, USER)
    return (tmp_path / "closed").resolve()


def is_refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except PermissionError:
        return True
    return False


def test_files_are_the_users_within_the_block_and_the_daemons_after_it(closed: Path) -> None:
    fd = open_directory(str(closed / "inside"))
    try:
        with acting_as(USER):
            os.close(os.open("theirs", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
            assert is_refused(lambda: (closed / "secret").read_text())
    finally:
        os.close(fd)
    (closed / "inside" / "ours").touch()
    owners = {it.name: (it.stat().st_uid, it.stat().st_gid) for it in (closed / "inside").iterdir()}
    assert owners == {"theirs": (USER, USER), "ours": (0, os.getegid())}
    assert (closed / "secret").read_text() == "secret"


def test_the_block_of_a_failure_gives_the_rights_back(closed: Path) -> None:
    with pytest.raises(KeyError), acting_as(USER):
        raise KeyError
    assert (closed / "secret").read_text() == "secret"


def test_another_thread_keeps_its_own_rights(closed: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        threads.submit(os.getpid).result()  # a thread begins with the rights of the one that starts it
        with acting_as(USER):
            assert threads.submit((closed / "secret").read_text).result() == "secret"


def test_the_directory_of_a_context_is_found_with_the_daemons_rights(closed: Path) -> None:
    """Only it: what is below it is found with the user's."""
    (closed / "inside" / "hidden").mkdir(mode=0o700)
    with acting_as(USER):
        fd = open_directory(str(closed / "inside"))
        try:
            assert os.listdir(f"/proc/self/fd/{fd}") == ["hidden"]
            with pytest.raises(PermissionError):
                locate(fd, "hidden/file")
        finally:
            os.close(fd)
        with as_daemon():
            assert (closed / "secret").read_text() == "secret"
        assert is_refused(lambda: (closed / "secret").read_text())


def test_a_thread_can_lose_its_groups_and_other_threads_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / "groups").write_text("for the group")
    os.chown(tmp_path / "groups", 0, 4321)
    (tmp_path / "groups").chmod(0o040)
    tmp_path.chmod(0o711)
    fd = os.open(tmp_path, os.O_RDONLY)
    seen: list[object] = []

    def look() -> None:
        before = os.getgroups()
        drop_groups()
        with acting_as(USER):
            seen.append(is_refused(lambda: os.open("groups", os.O_RDONLY, dir_fd=fd)))
        seen.append((before, os.getgroups()))

    before = os.getgroups()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    os.close(fd)
    assert seen == [True, (before, [])]
    assert os.getgroups() == before


def test_a_refusal_of_the_kernel_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        """Refuses as the kernel does: silently."""

        def setfsuid(self, user: object) -> int:
            return 0

        setfsgid = setfsuid

    monkeypatch.setattr(rights, "_libc", Libc)
    with pytest.raises(PermissionError) as refused, acting_as(USER):
        pytest.fail("it must not begin")
    assert refused.value.errno == errno.EPERM
