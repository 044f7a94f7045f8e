"""Takes descriptors from the daemon: SCM_RIGHTS, unix(7)."""

import sys

from worker.unseen import unseen

_FDS = 4
_INT_BYTES = 4
_LINE_BYTES = 4096


class Receiver:
    """Reads the channel's descriptor, past what ``Channel`` keeps: only where the daemon sends nothing else.

    Made before it is needed, as the import may need memory and descriptors. Raises ImportError, OSError.
    """

    def __init__(self, fd):
        self._socket = unseen("_socket")
        self._fd = fd

    def receive(self, count=_FDS):
        """Return the descriptors that come with the next line; None if there are not just ``count``."""
        socket = self._socket
        end = socket.socket(fileno=self._fd)
        try:
            room = socket.CMSG_SPACE(_INT_BYTES * count)
            data, control, flags, _ = end.recvmsg(_LINE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return None
        finally:
            end.detach()
        fds = []
        for level, kind, payload in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                whole = len(payload) // _INT_BYTES * _INT_BYTES
                fds += [int.from_bytes(payload[i : i + _INT_BYTES], sys.byteorder) for i in range(0, whole, _INT_BYTES)]
        return fds if len(fds) == count and data.endswith(b"\n") and not flags & socket.MSG_CTRUNC else None
