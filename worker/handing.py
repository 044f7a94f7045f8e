"""Sends a descriptor to the daemon, together with a message: SCM_RIGHTS, unix(7)."""

import sys

from worker.channel import ChannelLost, encode
from worker.unseen import unseen


def hand(channel, message, fd):
    """Send ``message`` whole, with a copy of ``fd``. Raises ChannelLost, ImportError."""
    _socket = unseen("_socket")
    line = encode(message).encode() + b"\n"
    rights = _socket.SOL_SOCKET, _socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder)
    try:
        end = _socket.socket(fileno=channel.fd)
        try:
            sent = end.sendmsg([line], [rights])
        finally:
            end.detach()
    except OSError:
        raise ChannelLost from None
    if sent != len(line):
        raise ChannelLost
