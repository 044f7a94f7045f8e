"""The worker's end of the pipe: newline-delimited JSON over two file descriptors.

The ``json`` package is not imported: it pulls in ``re`` and ``enum`` and would more than double the worker's start-up
time. Its C parts do the same work. ``PROTOCOL.md`` lists the messages; ``tests/golden`` holds one of each.
"""

import select
from _json import encode_basestring_ascii, make_scanner
from os import close, fstat, readv, set_blocking, write

_READ_BYTES = 1 << 13
_PAUSE_MS, _LONGEST_PAUSE_MS = 100, 10_000
_globals = globals()


class _Strict:
    """The settings that ``_json.make_scanner`` reads, as ``json.JSONDecoder()`` has them."""

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
    """Return ``value`` (None, bool, int, str, or a list or dict of these) as ASCII JSON text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join([encode(key) + ":" + encode(item) for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([encode(item) for item in value]) + "]"
    # A lone surrogate is legal in a Python string but not in UTF-8 text.
    return encode_basestring_ascii(value.encode("utf-8", "backslashreplace").decode())


class ChannelLost(Exception):
    """The daemon is gone, or user code has closed or replaced a descriptor of the channel."""


def _is_own(error):
    """Whether ``error`` was raised in this file, not by a signal handler of user code, perhaps a TimeoutError."""
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    return place.tb_frame.f_globals is _globals


class Channel:
    """Blocking message stream to the daemon. Only the process that made it may use it.

    ``tend()`` calls ``chore``; while it waits, it does so again and again for as long as that returns True.

    Reads are unbounded: the daemon is trusted here, and limits the size of its messages.
    """

    def __init__(self, read_fd, write_fd):
        self.fd = self._read_fd = read_fd  # for those who wait for messages
        self._write_fd = write_fd
        self._pieces = [b""]
        self.chore = lambda: False
        self._tends = False
        self._idle = select.poll()
        self._idle.register(read_fd, select.POLLIN)
        self.own()

    def begin(self):
        """Be the channel of another process, with other descriptors in the same places."""
        self._pieces, self._tends = [b""], False
        self.own()

    def own(self):
        """Remember the present descriptors as the channel's."""
        self._identity = self._identify()

    def tend(self):
        """Do the chore, and return whether it has to be done again."""
        self._tends = self.chore()
        return self._tends

    def receive(self, raises=False):
        """Return the next message. Raises ChannelLost; with ``raises`` also the exceptions of signal handlers.

        Signal handlers and threads that user code has left behind may raise anything here, even after data was read. So
        that no data is lost, it is read into a piece of zeros, which do not occur in messages, and which has its place
        before the read: the next call goes on from there.
        """
        while b"\n" not in self._pieces[-1]:
            if len(self._pieces) == 1 or self._pieces[-1][0]:  # the last piece has been used
                self._pieces.append(bytearray(_READ_BYTES))
            try:
                if not raises:  # otherwise a handler may come here once more, and there is only one poll object
                    self._sleep()
                if not readv(self._read_fd, self._pieces[-1:]):
                    raise ChannelLost
            except ChannelLost:
                raise
            except BaseException:
                if raises:
                    raise
                self._check()
                set_blocking(self._read_fd, True)
        line, _, unread = b"".join([piece.partition(b"\0")[0] for piece in self._pieces]).partition(b"\n")
        self._pieces = [unread]
        return decode(line)

    def has_message(self):
        """Return whether there is a message that has been read from the descriptor already."""
        return b"\n" in self._pieces[-1]

    def unread(self, message):
        """Let the next call of ``receive`` return ``message`` once more."""
        self._pieces = [b"".join([encode(message).encode(), b"\n", *self._pieces])]

    def _sleep(self):
        """Wait until there is data to read.

        A waiting read is also woken when the daemon reads the last message, as the socket then has room again. That
        costs both of them as much as a message does. poll(2) wakes only for the events that it asks for.
        """
        pause_ms = _PAUSE_MS
        try:
            while not self._idle.poll(pause_ms if self._tends else None):
                pause_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)
                self.tend()
        except OSError:  # EINVAL: user code has set RLIMIT_NOFILE to 0
            pass

    def send(self, message):
        """Write one message whole. Raises ChannelLost."""
        self.write(encode(message).encode() + b"\n")

    def write(self, data):
        """Write a message that is a line already."""
        self._check()
        while data:
            try:
                data = data[write(self._write_fd, data) :]
            except OSError as error:
                if not _is_own(error):
                    raise
                if not isinstance(error, BlockingIOError):
                    raise ChannelLost from None
                self._check()
                set_blocking(self._write_fd, True)

    def close(self):
        """Show the daemon, if it is there, that no more messages come."""
        for fd in (self._read_fd, self._write_fd):
            try:
                close(fd)
            except OSError:
                pass

    def _identify(self):
        """Return values that tell the channel's descriptors from others that user code may put in their place."""
        return [(status.st_dev, status.st_ino) for status in (fstat(self._read_fd), fstat(self._write_fd))]

    def _check(self):
        """Raise ChannelLost if the descriptors are no longer the channel's."""
        try:
            if self._identify() == self._identity:
                return
        except OSError as error:
            if not _is_own(error):
                raise
        raise ChannelLost
