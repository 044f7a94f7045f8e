"""What user code raised, as text: the names, values and tracebacks that clients see."""

import sys

NAME_LIMIT_CHARS = 256
VALUE_LIMIT_CHARS = 32 << 10
TRACEBACK_LIMIT_CHARS = 96 << 10  # with value and name below 1 MiB even if every character becomes \u00XX
OWN_FILES = "<interpreterd "  # how the file names of the worker's own code begin


def cut(text, limit_chars):
    """Return ``text``, its middle replaced by a marker that counts what went, if it is longer than ``limit_chars``."""
    if len(text) <= limit_chars:
        return text
    half = limit_chars // 2
    return f"{text[:half]}\n... [{len(text) - 2 * half} characters cut] ...\n{text[-half:]}"


def describe(raised):
    """Return ``{"name", "value", "traceback"}`` of an exception, as CPython would print it, the worker's frames cut.

    Runs user code (``__str__`` and the like), so it may raise anything.
    """
    return {
        "name": cut(type(raised).__name__, NAME_LIMIT_CHARS),
        "value": cut(_text(raised), VALUE_LIMIT_CHARS),
        "traceback": cut(_traceback(raised), TRACEBACK_LIMIT_CHARS),
    }


def describe_safely(raised):
    """The same, running no user code: for when ``describe`` itself failed."""
    name = cut(type.__getattribute__(type(raised), "__name__"), NAME_LIMIT_CHARS)
    value = "<the exception could not be shown>"
    return {"name": name, "value": value, "traceback": f"{name}: {value}\n"}


def _text(raised):
    try:
        return str(raised)
    except Exception:
        return "<exception str() failed>"  # the words of CPython's own traceback module


def _traceback(raised):
    # Late: it costs as much as the rest of the worker's start.
    import traceback

    shown = traceback.TracebackException(type(raised), raised, raised.__traceback__)
    _cut_own_frames(shown, set(), traceback)
    return "".join(shown.format())


def _cut_own_frames(shown, seen, traceback):
    if shown is None or id(shown) in seen:
        return
    seen.add(id(shown))
    if shown.stack is not None:
        users = [frame for frame in shown.stack if not frame.filename.startswith(OWN_FILES)]
        if users:
            shown.stack[:] = users
        else:  # a SyntaxError of the cell itself: no frames, no headline
            shown.exc_traceback = None  # 3.9 asks this one
            shown.stack = None if sys.version_info >= (3, 10) else traceback.StackSummary()
    _cut_own_frames(shown.__cause__, seen, traceback)
    _cut_own_frames(shown.__context__, seen, traceback)
    for inner in getattr(shown, "exceptions", None) or ():
        _cut_own_frames(inner, seen, traceback)
