"""``mcp.resident``: a daemon that the next process of the same client finds again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreterd.mcp.resident import ResidentDaemon

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/", "WORD": "x"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory in which sockets are made."""
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path) if len(str(tmp_path)) <= 60 else "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def seats(place: Path) -> Iterator[list[ResidentDaemon]]:
    """Yield a list; the seats of all daemons in it are given up in the end."""
    used: list[ResidentDaemon] = []
    yield used
    for it in used:
        it.leave()


def resident(seats: list[ResidentDaemon], **variables: str) -> ResidentDaemon:
    seats.append(ResidentDaemon([], 600, ENVIRON | variables))
    return seats[-1]


def test_processes_at_the_same_time_have_seats_of_their_own_and_a_free_one_is_taken(
    seats: list[ResidentDaemon],
) -> None:
    first, second = resident(seats), resident(seats)
    taken = first.take_seat(), second.take_seat()
    assert taken[0] != taken[1]
    assert first.take_seat() == taken[0]
    first.leave()
    assert resident(seats).take_seat() == taken[0]


def test_another_environment_is_another_client_and_another_terminal_is_not(seats: list[ResidentDaemon]) -> None:
    seat = resident(seats).take_seat()
    identity = seat.rpartition("-")[0]
    assert resident(seats, TERM_SESSION_ID="2", SSH_TTY="/dev/pts/1").take_seat().startswith(identity)
    assert not resident(seats, WORD="y").take_seat().startswith(identity)


def test_a_place_that_others_can_enter_is_refused(place: Path, seats: list[ResidentDaemon]) -> None:
    seat = resident(seats).take_seat()
    folder = os.path.dirname(seat)
    if not folder.startswith(str(place)):
        pytest.skip("the path of the tests' directory is too long")
    os.chmod(folder, 0o755)
    with pytest.raises(OSError, match="must be a directory that only its user can enter"):
        resident(seats).take_seat()


def test_the_daemon_is_found_again_and_another_is_started_after_its_death(seats: list[ResidentDaemon]) -> None:
    first = resident(seats)
    url = first.start()
    process = first._process
    assert process is not None
    try:
        first.leave()
        second = resident(seats)
        assert (second.start(), second._process) == (url, None)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert second.start() == url
        assert second._process is not None
        second._process.terminate()
        second._process.wait()
    finally:
        process.kill()
        process.wait()


def test_in_the_root_the_daemon_begins_at_home(
    place: Path, seats: list[ResidentDaemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(place))
    resident_daemon = resident(seats)
    resident_daemon.start()
    process = resident_daemon._process
    assert process is not None
    try:
        assert os.readlink(f"/proc/{process.pid}/cwd") == str(place)
    finally:
        process.terminate()
        process.wait()


def test_a_daemon_that_does_not_start_says_why(place: Path, seats: list[ResidentDaemon]) -> None:
    seats.append(ResidentDaemon(["--no-such-flag"], 600, ENVIRON))
    with pytest.raises(OSError, match=r"the daemon did not start: .*no-such-flag"):
        seats[-1].start()
