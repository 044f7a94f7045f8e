"""The worker's end of the pipe: newline-delimited JSON over two file descriptors.

The ``json`` package is not imported: it pulls in ``re`` and ``enum`` and would more than double the worker's start-up
time. Its C parts do the same work. ``PROTOCOL.md`` lists the messages; ``tests/golden`` holds one of each.
"""

from _json import encode_basestring_ascii, make_scanner
from os import read, write  # not os.read: user code may replace what it finds in a module


class _Strict:
    """What ``_json.make_scanner`` asks its context for, as ``json.JSONDecoder()`` has it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


_scan = make_scanner(_Strict)


def decode(line):
    """Return the object that ``line`` (bytes, UTF-8 JSON) holds."""
    value, _ = _scan(line.decode(), 0)
    return value


def encode(value):
    """Return ``value`` (None, bool, int, str, or a dict of these) as ASCII JSON text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join([encode(key) + ":" + encode(item) for key, item in value.items()]) + "}"
    # A lone surrogate is legal in a Python string and in no UTF-8 text.
    return encode_basestring_ascii(value.encode("utf-8", "backslashreplace").decode())


class Channel:
    """Blocking message stream to the daemon. Only the process that made it may use it.

    Reads are unbounded: the daemon is trusted here, and limits what it sends.
    """

    def __init__(self, read_fd, write_fd):
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._chunks = [b""]

    def receive(self):
        """Return the next message, or None once the daemon has closed its end or is gone.

        What the handler of a signal raises meanwhile leaves the channel whole: the next call goes on from there.
        """
        while b"\n" not in self._chunks[-1]:
            try:
                # In C from the read to its place in the list: no handler can run, and lose what was read, in between.
                self._chunks.extend(map(read, (self._read_fd,), (1 << 16,)))
            except OSError as error:
                if error.errno is None:  # not the system's: a handler's TimeoutError is one, too
                    raise
                return None
            if not self._chunks[-1]:
                return None
        line, _, unread = b"".join(self._chunks).partition(b"\n")
        self._chunks = [unread]
        return decode(line)

    def send(self, message):
        """Write one message whole. Raises OSError when the daemon is gone."""
        data = encode(message).encode() + b"\n"
        while data:
            data = data[write(self._write_fd, data) :]
