"""A worker takes the descriptors that come with a line, and only whole sets of them."""

import pytest
from worker_driver import DrivenWorker
from worker_modules import told

RECEIVE = """
import os, socket, sys
ours, theirs = socket.socketpair()
receiver = own("receiving").Receiver(ours.fileno())
fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
"""


def test_four_descriptors_are_taken_and_are_private(worker: DrivenWorker) -> None:
    code = """
socket.send_fds(theirs, [b'{"type":"giving"}\\n'], fds[:4])
got = receiver.receive()
it = [len(got), [os.get_inheritable(fd) for fd in got], os.fstat(ours.fileno()).st_ino > 0]
"""
    assert told(worker, RECEIVE + code) == [4, [False] * 4, True]


@pytest.mark.parametrize(
    "sent", ["socket.send_fds(theirs, [b'x\\n'], fds[:3])", "theirs.send(b'x\\n')", "theirs.close()"]
)
def test_anything_else_is_nothing(worker: DrivenWorker, sent: str) -> None:
    assert told(worker, f"{RECEIVE}\n{sent}\nit = receiver.receive()") is None
