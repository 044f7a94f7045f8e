"""Sends values, tables and pictures to the daemon, by the display pipe.

``publish`` is for the worker's own modules. What it sends is a *bundle*: one thing in several representations, by MIME
type, as in Jupyter's message specification. ``interpreterd/pipe/bundles.py`` reads and describes the form.

The pipe has the back-pressure of the others: while the client does not read, ``publish`` waits, and an interrupt ends
the wait. Python may raise KeyboardInterrupt right after a write(2), when it is not known how much that has written. So
the number of bytes goes into a list within C code. The rest of the record is written later, and the bundle given up.

A child that user code has forked may publish, too. It writes records that the kernel keeps together, and a lock keeps
bundles apart: a lock of fcntl(2), which ends with its process. A program that a child executes has no display pipe.
"""

import binascii
import fcntl
import sys
from _thread import RLock
from os import getpid, write  # before user code can replace them

from worker import streams as _streams
from worker.channel import encode

BUNDLE_LIMIT_BYTES = 16 << 20
printers = {}  # of the program's own, by MIME type: see printers.py; here, as all that show things import this
KINDS = {"result", "display", "update", "clear", "evaluated", "nextInput"}
PLAIN = "text/plain"
NOTED_CHARS = 64 << 10  # of the text that is kept when a bundle is too large
HEADER_LIMIT_BYTES = 48 << 10
WEIGHT_LIMIT = 1 << 20  # of a JSON value: reading it takes the daemon some 40 ms
RECORD_BYTES = 64 << 10  # a pipe's capacity
LEAST_RECORD_BYTES = 512
PREFIX_BYTES = 8
_ATOMIC_BYTES = 4096  # PIPE_BUF: pipe(7)
_LARGE_BYTES = 256 << 10
_LARGE_PIPE_BYTES = 1 << 20  # the most that a process without privileges may ask for: pipe(7)
_F_SETPIPE_SZ = 1031  # <fcntl.h>
_BYTES = (bytes, bytearray)
_TEXT_TYPES = ("image/svg+xml", "application/xml", "application/javascript")


def is_json(mime):
    """Whether values of this MIME type are JSON."""
    return mime == "application/json" or mime.endswith("+json")


def publish(kind, data=None, metadata=None, transient=None, wait=False, refuse=None, head=None, **more):
    """Send a bundle, after all text that was written before. Waits for the client as ``print`` does.

    ``kind`` is ``result``, ``display``, ``update`` (of earlier display data, by the ``display_id`` in ``transient``) or
    ``clear``, which has no ``data``; with ``wait``, the output stays until the next comes. ``data`` has a value for
    each MIME type: a JSON value for a JSON type, else str, or bytes, which become base64. ``head`` has more keys
    for the header, as ``evaluated`` and ``nextInput`` need them. Keywords of later versions are ignored. For other
    values, raises TypeError or ValueError; or, if there is ``refuse``, calls it with the MIME type (or ``metadata``)
    and the exception, and sends the rest.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}")
    encoded = _bounded(data or {}, refuse)
    header = {"kind": kind, "sizes": {mime: len(value) for mime, value in encoded.items()}, **(head or {})}
    if transient and transient.get("display_id") is not None:
        header["displayId"] = str(transient["display_id"])
    if wait:
        header["wait"] = True
    line = _header(header, metadata, refuse)
    _publisher.send(line, b"".join(encoded.values()), encoded.get(PLAIN) if kind in ("result", "display") else None)


def publish_encoded(header, parts, metadata):
    """Send a bundle of ``parts``, by name, which are UTF-8. Waits for the client, and raises, as ``publish``."""
    header["sizes"] = {name: len(part) for name, part in parts.items()}
    _publisher.send(_header(header, metadata, None), b"".join(parts.values()), None)


def _bounded(data, refuse):
    """Return ``data`` as UTF-8, or only its text and a note if it is too large."""
    encoded, size_bytes, notes = {}, 0, []
    for mime, value in data.items():
        size_bytes += len(value) if isinstance(value, (str, *_BYTES)) else 0
        text = b"" if size_bytes > BUNDLE_LIMIT_BYTES else _attempt(refuse, mime, _encoded, mime, value)
        if text is None:
            continue
        if not isinstance(value, _BYTES):
            size_bytes += len(text) - (len(value) if isinstance(value, str) and text else 0)
        if size_bytes > BUNDLE_LIMIT_BYTES:
            return _only_text(data)
        if is_json(mime) and weight(text) > WEIGHT_LIMIT:
            notes.append(f"[{mime} is left out: it has too many elements]".encode())
        else:
            encoded[mime] = text
    if notes:
        encoded[PLAIN] = b"\n".join([encoded[PLAIN], *notes] if PLAIN in encoded else notes)
    return encoded


def _attempt(refuse, what, call, *arguments):
    """Return what ``call`` returns, or None after ``refuse`` has taken its exception."""
    try:
        return call(*arguments)
    except Exception as raised:  # also of user code, within values that become JSON
        if refuse is None:
            raise
        refuse(what, raised)
        return None


def _only_text(data):
    """Return the beginning of the text of ``data``, with a note of what is missing."""
    plain = data.get(PLAIN, "")
    text = _encoded(PLAIN, plain[:NOTED_CHARS]) if isinstance(plain, (str, *_BYTES)) else b""
    left_out = ", ".join(str(mime) for mime in data if mime != PLAIN) or "the rest of the text"
    note = f"[output data is larger than {BUNDLE_LIMIT_BYTES >> 20} MiB, the limit; left out: {left_out[:NOTED_CHARS]}]"
    return {PLAIN: text + (b"\n" if text else b"") + note.encode("utf-8", "backslashreplace")}


def weight(text):
    """Return a measure of the time and memory that reading a JSON text takes, besides its length."""
    return text.count(b",") + text.count(b'"') + 2 * (text.count(b"{") + text.count(b"["))


def _encoded(mime, value):
    if not isinstance(mime, str):
        raise TypeError(f"MIME types must be str, not {type(mime).__name__}")
    if is_json(mime):
        return json_text(value).encode("utf-8", "replace")  # JSON has no way to write a lone surrogate
    if isinstance(value, _BYTES):
        if mime.startswith("text/") or mime in _TEXT_TYPES:
            return bytes(value).decode("utf-8", "replace").encode()
        return binascii.b2a_base64(value, newline=False)
    if not isinstance(value, str):
        raise TypeError(f"the value of {mime} must be str or bytes, not {type(value).__name__}")
    return value.encode("utf-8", "backslashreplace")


def json_text(value, default=None):
    """Return ``value`` as JSON text. Numbers that JSON does not have become null; ``default`` is as for ``json``."""
    import json

    options = {"default": default, "ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    try:
        return json.dumps(value, **options)
    except ValueError:
        return json.dumps(_finite(value), **options)


def _finite(value):
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def _header(header, metadata, refuse):
    """Return the first line of a bundle; ``metadata`` that is too long for it is left out."""
    line = encode(header).encode()
    shown = _attempt(refuse, "metadata", json_text, metadata) if metadata else None
    if shown is not None:
        more = line[:-1] + b',"metadata":' + shown.encode("utf-8", "replace") + b"}"
        line = more if len(more) <= HEADER_LIMIT_BYTES else line
    if len(line) > HEADER_LIMIT_BYTES:
        raise ValueError("the names of the MIME types and the display id are too long")
    return line


class _Publisher:
    """Writes bundles to the display pipe of ``streams``."""

    def __init__(self, streams):
        self._streams = streams
        self._begin()
        streams.finish_display = self.finish

    def _begin(self):
        self._pid, self._lock, self._record = getpid(), RLock(), (b"", [])
        self._is_large = self._given_up = False

    def send(self, line, body, plain):
        """Write a bundle: its first ``line``, then ``body``. If user code has closed the pipe, print ``plain``."""
        streams = self._streams
        if getpid() != self._pid:
            self._begin()
            self._is_large = True
        fd = streams.display_fd
        if not streams.is_own(fd):
            if plain is not None:
                sys.stdout.write(plain.decode("utf-8", "replace") + "\n")
            return
        with self._lock:
            self._finish_record()
            streams.take_display_turn()
            try:
                self._lock_pipe(fcntl.LOCK_EX)
                self._given_up = True  # until it is whole
                self._write_bundle(line, memoryview(body))
                self._given_up = False
            finally:
                self._lock_pipe(fcntl.LOCK_UN)

    def _lock_pipe(self, how):
        try:
            fcntl.lockf(self._streams.display_fd, how)
        except OSError:  # no locks are left
            pass

    def _write_bundle(self, line, body):
        if len(body) > _LARGE_BYTES and not self._is_large:
            self._is_large = True
            try:
                fcntl.fcntl(self._streams.display_fd, _F_SETPIPE_SZ, _LARGE_PIPE_BYTES)
            except OSError:  # the user has many large pipes
                pass
        limit = RECORD_BYTES if self._pid == self._streams.worker_pid else _ATOMIC_BYTES
        room = max(0, limit - PREFIX_BYTES - len(line) - 1)
        least = LEAST_RECORD_BYTES - PREFIX_BYTES - 1 - min(room, len(body))
        self._write(b"H", line.ljust(least), b"\n", body[:room])
        for start in range(room, len(body), limit - PREFIX_BYTES):
            self._write(b"D", body[start : start + limit - PREFIX_BYTES])

    def _write(self, kind, *parts):
        payload = b"".join(parts).ljust(LEAST_RECORD_BYTES - PREFIX_BYTES)
        self._record = b"%b%07x%b" % (kind, len(payload), payload), []
        self._finish_record()

    def _finish_record(self):
        """Write the rest of the latest record."""
        record, written = self._record
        try:
            while len(rest := record[sum(written) :]):
                written.extend(map(write, (self._streams.display_fd,), (rest,)))
        except OSError:  # the daemon is gone, or user code has closed the pipe
            pass
        self._record = b"", []

    def finish(self):
        """End what an interrupt has left in the middle, and give the bundle up; unless a thread writes one now."""
        if self._given_up and getpid() == self._pid and self._lock.acquire(False):
            try:
                self._finish_record()
                self._write(b"X")
                self._given_up = False
            finally:
                self._lock.release()


_publisher = _Publisher(_streams.current)
