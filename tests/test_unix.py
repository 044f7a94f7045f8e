"""A unix socket to listen on: of several daemons at one path, one gets it."""

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from interpreterd import unix


class Contender(threading.Thread):
    """Binds ``path`` until the test sets ``end``. ``outcome`` is "bound" or the name of an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.done = threading.Event()
        self.end = threading.Event()
        self.outcome = ""

    def run(self) -> None:
        """See ``threading.Thread``."""
        try:
            with unix.bound(str(self.path)):
                self.outcome = "bound"
                self.done.set()
                self.end.wait()
        except OSError as error:
            self.outcome = errno.errorcode[error.errno or 0]
            self.done.set()


def test_of_two_that_find_a_stale_socket_only_one_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second thread starts after the first has found the stale socket, and before the first replaces it."""
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    first, second = Contender(path), Contender(path)
    second_waits = threading.Event()
    is_stale = unix._is_stale

    def look(path: str) -> bool:
        found = is_stale(path)
        if threading.current_thread() is first:
            second.start()
            while not (second_waits.is_set() or second.done.is_set()):
                second_waits.wait(0.01)
        return found

    def pause(seconds: float) -> None:
        second_waits.set()
        time.sleep(seconds)

    monkeypatch.setattr(unix, "_is_stale", look)
    monkeypatch.setattr(unix, "wait", pause)
    first.start()
    first.done.wait()
    second.done.wait()
    assert (first.outcome, second.outcome) == ("bound", "EADDRINUSE")
    assert not is_stale(str(path))
    first.end.set()
    first.join()
    second.join()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("held", [False, True], ids=["no such locks", "another process holds it"])
def test_a_directory_that_cannot_be_locked_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool) -> None:
    def flock(fd: int, operation: int) -> None:
        raise BlockingIOError if held else OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(unix.fcntl, "flock", flock)
    monkeypatch.setattr(unix, "wait", lambda seconds: None)
    with unix.bound(str(tmp_path / "a.sock")):
        assert os.listdir(tmp_path) == ["a.sock"]
    assert os.listdir(tmp_path) == []
