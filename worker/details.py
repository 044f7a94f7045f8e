"""User code's exceptions as data: frames with their places, the chain, notes, and CPython's own suggestions.

Made from the ``TracebackException`` that has become the text, so that both tell the same.
"""

import sys

from worker.channel import encode
from worker.report import cut, name_of
from worker.sources import NUMBERS

LIMIT_BYTES = 160 << 10  # as JSON; with the longest texts of an error, a message stays below its limit
# Frames of one exception and of all, characters of a text, notes, exceptions of a chain. The first row whose result
# is not too long is used; that of the last row cannot be.
_LIMITS = ((100, 200, 2000, 16, 32), (40, 80, 400, 16, 16), (8, 20, 80, 4, 4))
_PYDLL_FLAGS = 5  # FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI, as in ctypes.PyDLL: Python's lock is kept
_Group = BaseExceptionGroup if sys.version_info >= (3, 11) else None  # noqa: F821
_SUGGESTING = (NameError, AttributeError, ImportError)


def details(shown, raised, linecache):
    """Return the details of ``raised``, of which ``shown`` is the TracebackException; PROTOCOL.md has their keys.

    Runs user code, so it may raise anything.
    """
    for limits in _LIMITS:
        describer = _Describer(linecache, limits)
        found = describer.details(shown, raised)
        # A character is at most six bytes of JSON, and a frame has some 200 more: mostly it need not be made to know.
        if 6 * describer.chars + (16 << 10) <= LIMIT_BYTES or len(encode(found)) <= LIMIT_BYTES:
            return found
    raise AssertionError("even the shortest details are too long")


class _Describer:
    def __init__(self, linecache, limits):
        self._linecache = linecache
        self._frames, self._frames_left, self._chars, self._notes, self._exceptions_left = limits
        self._exceptions_left -= 1
        self.chars = 0  # of all texts so far, and 40 for each frame

    def _cut(self, text):
        text = cut(text, self._chars)
        self.chars += len(text)
        return text

    def details(self, shown, raised):
        frames, omitted = self._describe_frames(shown)
        return {
            "frames": frames,
            "omittedFrames": omitted,
            "notes": self._describe_notes(shown),
            "suggestion": self._suggestion(shown, raised),
            "cause": self._link(shown.__cause__, raised, "__cause__"),
            "context": self._link(shown.__context__, raised, "__context__"),
            "suppressContext": shown.__suppress_context__ is True,
            "exceptions": self._describe_group(shown, raised),
        }

    def _link(self, shown, raised, name):
        """Return the cause or the context of ``raised``, or None; so that also ends a chain that is too long."""
        linked = vars(BaseException)[name].__get__(raised)
        if shown is None or linked is None or not self._exceptions_left:
            return None
        self._exceptions_left -= 1
        return self._describe(shown, linked)

    def _describe(self, shown, raised):
        value = _plain(shown._str)
        hint = _appended_hint(shown, raised)
        value = value[: len(value) - len(hint)] if hint else value
        named = {"name": self._cut(name_of(raised)), "value": self._cut(value)}
        return {**named, **self.details(shown, raised)}

    def _describe_group(self, shown, raised):
        if _Group is None or not issubclass(type(raised), _Group) or not shown.exceptions:
            return []
        found = []
        for each, exception in zip(shown.exceptions, _Group.exceptions.__get__(raised)):
            if not self._exceptions_left:
                break
            self._exceptions_left -= 1
            found.append(self._describe(each, exception))
        return found

    def _describe_notes(self, shown):
        notes = getattr(shown, "__notes__", None)
        if type(notes) not in (list, tuple):
            return []
        return [self._cut(_plain(note)) for note in notes[: self._notes]]

    def _describe_frames(self, shown):
        """Return the outer and the inner frames, and how many are left out between them."""
        frames = list(shown.stack or ())
        room = min(self._frames, self._frames_left)
        omitted = max(0, len(frames) - room)
        if omitted:
            frames[room // 2 : room // 2 + omitted] = []
        found = [self._frame(frame) for frame in frames]
        if getattr(shown, "lineno", None) is not None:  # of a SyntaxError, which has happened in no frame
            found.append(self._syntax_frame(shown))
        self._frames_left -= len(found)
        return found, omitted

    def _frame(self, frame):
        line, end_line = frame.lineno, getattr(frame, "end_lineno", None)
        source = self._source(frame.filename, line)
        start, end = getattr(frame, "colno", None), getattr(frame, "end_colno", None)
        last = source if end_line == line else self._source(frame.filename, end_line)
        return self._place(
            frame.filename, line, end_line, _chars(source, start), _chars(last, end), source, _plain(frame.name)
        )

    def _syntax_frame(self, shown):
        """Return where the source is wrong. Here columns are characters, and begin with 1: 0 or less is unknown."""
        line, end_line = _number(shown.lineno), _number(getattr(shown, "end_lineno", None))
        start, end = shown.offset, getattr(shown, "end_offset", None)
        start = start - 1 if type(start) is int and start > 0 else None
        end = end - 1 if type(end) is int and end > 0 and start is not None else None
        source = _plain(shown.text).split("\n")[0] if shown.text is not None else None
        return self._place(shown.filename, line, end_line if end is not None else None, start, end, source, None)

    def _place(self, file, line, end_line, column, end_column, source, function):
        file = _plain(file)
        source = None if source is None else source[: self._chars]
        self.chars += len(source or "") + 40
        return {
            "file": self._cut(file),
            "cell": NUMBERS.get(file),
            "line": line,
            "endLine": end_line,
            "column": column,
            "endColumn": end_column,
            "function": None if function is None else self._cut(function),
            "source": source,
        }

    def _source(self, file, line):
        """Return a line of source without its end, or None."""
        source = self._linecache.getline(file, line) if type(line) is int else ""
        return _plain(source).rstrip("\r\n") if source else None

    def _suggestion(self, shown, raised):
        hint = _appended_hint(shown, raised)
        if not hint and (3, 10) <= sys.version_info < (3, 12):
            hint = _printed_hint(raised)
        return self._cut(hint.lstrip(". ")) if hint else None


def _plain(text):
    """Return ``text``, of which user code may have made anything, as a plain ``str``."""
    return str.__str__(text) if issubclass(type(text), str) else "<not a string>"


def _number(text):
    """Return the line number ``text``, as TracebackException has it, or None."""
    text = str(text)
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _chars(line, column_bytes):
    """Return the column after ``column_bytes`` of UTF-8, in characters, or None."""
    if line is None or type(column_bytes) is not int or column_bytes < 0:
        return None
    if line.isascii():
        return column_bytes
    return len(line.encode("utf-8", "surrogatepass")[:column_bytes].decode("utf-8", "replace"))


def _appended_hint(shown, raised):
    """Return the suggestion that TracebackException has appended to the exception's text, from 3.12 on; or ""."""
    if sys.version_info < (3, 12) or not issubclass(type(raised), _SUGGESTING):
        return ""
    text = _plain(shown._str)
    for mark in (". Did you mean", ". Did you forget"):
        start = text.rfind(mark)
        if start >= 0 and text not in map(_plain_or_empty, BaseException.args.__get__(raised)):
            return text[start:]
    return ""


def _plain_or_empty(value):
    return _plain(value) if issubclass(type(value), str) else ""


class _Printed(list):
    """A file that keeps what is written to it."""

    write = list.append

    def flush(self):
        """See io."""


def _printed_hint(raised):
    """Return the suggestion of 3.10 and 3.11, whose C code makes it while it prints an exception; or "".

    An exception without a message, a cause or notes is printed in place of ``raised``, with the last entry of its
    traceback: there the names are looked up.
    """
    kind = type(raised)
    if kind is NameError:
        like = NameError(name=NameError.name.__get__(raised))
    elif kind is AttributeError:
        like = AttributeError(name=AttributeError.name.__get__(raised), obj=AttributeError.obj.__get__(raised))
    else:
        return ""
    place = BaseException.__traceback__.__get__(raised)
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    printed = _Printed()
    display = _display()
    if display is None:
        return ""
    display(printed, kind, like, place)
    last = "".join(printed).rstrip("\n").rpartition("\n")[2]
    return last[len(kind.__name__) :] if last.startswith(kind.__name__ + ". Did you mean") else ""


def _display():
    """Return CPython's own function that prints an exception to any file; None if it is not there."""
    try:
        import _ctypes as ctypes

        address = ctypes.dlsym(ctypes.dlopen(None, 0), "_PyErr_Display")
    except (ImportError, OSError, AttributeError):
        return None

    class Object(ctypes._SimpleCData):
        _type_ = "O"

    class Function(ctypes.CFuncPtr):
        _flags_ = _PYDLL_FLAGS
        _restype_ = None
        _argtypes_ = (Object,) * 4

    return Function(address)
