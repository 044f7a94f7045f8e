"""Processes of isolated contexts are refused, whatever has become of their parents; all others are not."""

import os
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from interpreterd.contexts import peers
from interpreterd.contexts.peers import REFUSED, UNTRACED, Peers
from interpreterd.model.isolation import STANDARD, Isolation, IsolationInfo
from interpreterd.processes.lineage import Descent, Untraceable
from interpreterd.workers.isolation.jails import Place

PLAIN, ISOLATED, TEMPLATE, CHILD = 1001, 1002, 1003, 1004
NO_LAUNCHER: Any = None


class Inhabited(NamedTuple):
    """A context."""

    pid: int | None
    place: Place


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """Yield a connection of this process to itself."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours


def judge(monkeypatch: pytest.MonkeyPatch, line: "list[int] | Untraceable | None", *, adopts: bool = True) -> Peers:
    def peer_line(sock: socket.socket, *ancestors: int) -> Descent | None:
        assert ancestors[0] == os.getpid()
        if isinstance(line, Untraceable):
            raise line
        return None if line is None else Descent(ancestors[-1], line)

    monkeypatch.setattr(peers, "peer_line", peer_line)
    monkeypatch.setattr(peers, "adopts", lambda: adopts)
    isolated = IsolationInfo(isolation=Isolation(profile=STANDARD))
    contexts = [Inhabited(PLAIN, Place(NO_LAUNCHER)), Inhabited(ISOLATED, Place(NO_LAUNCHER, info=isolated))]
    made = Peers(lambda: [*contexts, Inhabited(None, Place(NO_LAUNCHER))])
    made.watches = True
    return made


@pytest.mark.parametrize("adopts", [True, False])
@pytest.mark.parametrize(
    ("line", "is_refused"),
    [
        (None, False),  # a client
        ([], False),  # a client within the daemon's process
        ([PLAIN], False),
        ([CHILD, PLAIN, TEMPLATE], False),
        ([ISOLATED], True),
        ([CHILD, CHILD, ISOLATED, TEMPLATE], True),
    ],
)
def test_descendants_of_isolated_workers_alone_are_refused(
    monkeypatch: pytest.MonkeyPatch, sock: socket.socket, line: "list[int] | None", is_refused: bool, adopts: bool
) -> None:
    refusal = judge(monkeypatch, line, adopts=adopts).refusal(sock)
    assert refusal == (REFUSED if is_refused else None)


@pytest.mark.parametrize("line", [[CHILD], [CHILD, TEMPLATE]])
def test_a_process_that_a_worker_has_left_behind_is_refused_by_a_daemon(
    monkeypatch: pytest.MonkeyPatch, sock: socket.socket, line: list[int]
) -> None:
    assert judge(monkeypatch, line).refusal(sock) == REFUSED
    assert judge(monkeypatch, line, adopts=False).refusal(sock) is None


def test_a_process_that_cannot_be_traced_is_refused_and_told_why(
    monkeypatch: pytest.MonkeyPatch, sock: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    assert (
        judge(monkeypatch, Untraceable("the process has ended")).refusal(sock) == f"{UNTRACED}: the process has ended"
    )
    assert "the process has ended" in caplog.text


def test_no_process_is_looked_at_before_there_is_an_isolated_context(
    monkeypatch: pytest.MonkeyPatch, sock: socket.socket
) -> None:
    made = judge(monkeypatch, [ISOLATED])
    made.watches = False
    assert made.refusal(sock) is None


def test_connections_by_tcp_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as sock:
        assert judge(monkeypatch, [ISOLATED]).refusal(sock) is None


def test_code_of_a_daemon_that_this_one_replaces_is_refused_while_that_ends(
    monkeypatch: pytest.MonkeyPatch, sock: socket.socket
) -> None:
    made = judge(monkeypatch, [CHILD, PLAIN])
    made.watches = False
    made.follow([])
    assert not made.watches
    made.follow([1])
    assert made.refusal(sock) == REFUSED
    made.follow([1 << 30])  # it has ended
    assert made.refusal(sock) is None


def test_the_daemon_that_this_one_replaces_may_itself_connect(
    monkeypatch: pytest.MonkeyPatch, sock: socket.socket
) -> None:
    made = judge(monkeypatch, [])
    made.follow([1])
    assert made.refusal(sock) is None
