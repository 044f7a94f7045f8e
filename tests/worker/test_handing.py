"""A worker sends a descriptor together with a message."""

from worker_driver import DrivenWorker
from worker_modules import told

HAND = """
import os, sys
hand, ChannelLost = own("handing").hand, own("channel").ChannelLost
class Channel:
    pass
import socket
ours, theirs = socket.socketpair()
channel = Channel()
channel.fd = ours.fileno()
read, write = os.pipe()
"""


def test_the_message_is_a_line_and_the_descriptor_a_copy(worker: DrivenWorker) -> None:
    code = """
hand(channel, {"type": "configured"}, read)
os.close(read)
data, control, _, _ = theirs.recvmsg(100, 100)
os.write(write, b"it")
it = [data.decode(), os.read(int.from_bytes(control[0][2], sys.byteorder), 2).decode(), os.fstat(channel.fd).st_ino > 0]
"""
    assert told(worker, HAND + code) == ['{"type":"configured"}\n', "it", True]


def test_user_code_finds_the_modules_of_any_program(worker: DrivenWorker) -> None:
    code = """
channel = Channel()
channel.fd = 1  # a pipe
try:
    hand(channel, {}, 0)
except ChannelLost:
    it = "_socket" in sys.modules
"""
    assert told(worker, HAND.partition("import socket")[0] + code) is False


def test_a_daemon_that_is_gone_is_the_end(worker: DrivenWorker) -> None:
    code = """
theirs.close()
try:
    hand(channel, {"type": "configured"}, read)
except ChannelLost:
    it = "lost"
"""
    assert told(worker, HAND + code) == "lost"
