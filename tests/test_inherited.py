"""What the starter gives by the environment: sockets and a supervisor; the variables do not stay in it."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from interpreterd import inherited
from interpreterd.inherited import HANDOVER_VARIABLE, ISOLATING_VARIABLE, Inherited, handover


@pytest.fixture
def fds(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Yield two neighbouring descriptors of listening sockets, which are the first that systemd would pass."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        first = 700
        for number, sock in enumerate((one, two)):
            os.dup2(sock.fileno(), first + number)
        monkeypatch.setattr(inherited, "FIRST_FD", first)
        yield [first, first + 1]
        for number in (first, first + 1):
            os.close(number)


def take(**environ: str) -> Inherited:
    taken = {"HOME": "/", **environ}
    result = Inherited.take(taken)
    assert taken == {"HOME": "/"}
    return result


def test_systemds_sockets_have_its_names(fds: list[int]) -> None:
    pid = str(os.getpid())
    assert take(LISTEN_PID=pid, LISTEN_FDS="2", LISTEN_FDNAMES="web:").sockets == (("web", fds[0]), ("unknown", fds[1]))
    assert take(LISTEN_PID=pid, LISTEN_FDS="1").sockets == (("unknown", fds[0]),)
    assert not os.get_inheritable(fds[0])


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "2"},
        {"LISTEN_FDS": "2", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "0", "LISTEN_PID": "own"},
        {"LISTEN_FDS": "-1", "LISTEN_PID": "own"},
        {"LISTEN_FDS": "100000", "LISTEN_PID": "own"},
        {"LISTEN_FDS": "x", "LISTEN_PID": "own"},
        {HANDOVER_VARIABLE: "junk"},
    ],
)
def test_variables_that_mean_another_process_or_nothing_give_no_socket(environ: dict[str, str], fds: list[int]) -> None:
    assert take(**{name: str(os.getpid()) if it == "own" else it for name, it in environ.items()}).sockets == ()


def test_sockets_that_are_not_open_are_left_out(fds: list[int]) -> None:
    assert len(take(LISTEN_PID=str(os.getpid()), LISTEN_FDS="5").sockets) == 2


def test_the_supervisor_wants_signs_of_life_only_of_this_process() -> None:
    pid = str(os.getpid())
    assert take(NOTIFY_SOCKET="/run/a", WATCHDOG_USEC="3000000", WATCHDOG_PID=pid).watchdog_s == 3.0
    assert take(NOTIFY_SOCKET="/run/a", WATCHDOG_USEC="3000000").watchdog_s == 3.0
    for other in ({"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}):
        assert take(**{"NOTIFY_SOCKET": "/run/a", "WATCHDOG_USEC": "3000000", **other}).watchdog_s is None
    assert take(NOTIFY_SOCKET="@a").supervisor == "@a"


def test_a_successor_gets_everything_and_says_when_it_is_ready(fds: list[int]) -> None:
    reader, writer = os.pipe()
    secret, end = os.pipe()
    os.write(end, b"hash")
    os.close(end)
    names = [("127.0.0.1:80", fds[0]), ("web", fds[1])]
    supervisor: dict[str, Any] = {"NOTIFY_SOCKET": "/run/a", "WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"}
    handed = {HANDOVER_VARIABLE: handover(names, writer, None, secret), ISOLATING_VARIABLE: "12,34"}
    successor = take(**handed, **supervisor)
    assert successor.isolating == (12, 34)
    assert take(**{ISOLATING_VARIABLE: "12"}).isolating == ()
    assert successor.sockets == tuple(names)
    assert (successor.parent, successor.supervisor, successor.watchdog_s) == (None, "/run/a", 6.0)
    assert (successor.environ, successor.token) == (supervisor, b"hash")
    successor.tell_predecessor()
    assert os.read(reader, 100) == b"%d\n" % os.getpid()
    assert os.read(reader, 100) == b""
    os.close(reader)
    take().tell_predecessor()
