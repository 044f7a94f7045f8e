"""What user code raised, as text: the names, values and tracebacks that clients see."""

import sys

from worker.imports import import_traceback

NAME_LIMIT_CHARS = 256
VALUE_LIMIT_CHARS = 32 << 10
TRACEBACK_LIMIT_CHARS = 96 << 10  # with value and name below 1 MiB even if every character becomes \u00XX
OWN_FILES = "<interpreterd "  # how the file names of the worker's own code begin
# And those of cells. Libraries that keep what they have compiled on disk, as numba does, know only such a name for code
# that is in no file.
CELLS = "<ipython-cell-"
_TRACEBACK = BaseException.__traceback__  # not what a class of user code has in its place
BARE_FRAMES_LIMIT = 50


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
    name, value = cut(_name(raised), NAME_LIMIT_CHARS), cut(_text(raised), VALUE_LIMIT_CHARS)
    try:
        traceback = _traceback(raised)
    except Exception:  # user code has broken what it needs: imports, the traceback module, the exception's attributes
        traceback = _bare_traceback(raised, f"{name}: {value}\n")
    return {"name": name, "value": value, "traceback": cut(traceback, TRACEBACK_LIMIT_CHARS)}


def forget_own_frames(raised):
    """Take the worker's frames out of a traceback's beginning.

    They would refer to ``raised`` as it refers to them, and keep it until the garbage is collected.
    """
    frames = _TRACEBACK.__get__(raised)
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(OWN_FILES):
        frames = frames.tb_next
    _TRACEBACK.__set__(raised, frames)


def forget_frames(raised):
    """Let ``raised`` keep no frame alive."""
    _TRACEBACK.__set__(raised, None)


def remember(raised):
    """Put ``raised`` where ``pdb.pm()`` and ``traceback.print_last()`` look for it, as Python's own prompt does."""
    if issubclass(type(raised), SystemExit):
        return
    sys.last_type, sys.last_value, sys.last_traceback = type(raised), raised, _TRACEBACK.__get__(raised)
    if sys.version_info >= (3, 12):
        sys.last_exc = raised


def call_hook(stack, raised, error):
    """Call ``sys.excepthook`` with ``raised``, which is described by ``error``.

    Whatever it raises ends it alone, ``SystemExit`` silently; but KeyboardInterrupt is passed on.
    """
    try:
        stack.call(sys.excepthook, type(raised), raised, _TRACEBACK.__get__(raised))
    except KeyboardInterrupt:
        raise
    except SystemExit:
        pass
    except BaseException as caught:
        forget_own_frames(caught)
        shown = describe(caught)["traceback"]
        try:
            sys.stderr.write(f"Error in sys.excepthook:\n{shown}\nOriginal exception was:\n{error['traceback']}")
        except Exception:  # of whatever user code has put there
            pass


def describe_again(raised, late):
    """The same after ``late`` came of describing, or of ending the execution; SIGINT is only remembered by now.

    An interrupt that hit no code of the user's is no part of the story. Otherwise no user code is run again: its
    ``__str__`` may be what was endless.
    """
    if type(late) is KeyboardInterrupt and not _hit_a_cell(late.__traceback__):
        try:
            return describe(raised)
        except BaseException:
            pass
    return describe_safely(raised)


def _hit_a_cell(frames):
    while frames is not None:
        if frames.tb_frame.f_code.co_filename.startswith(CELLS):
            return True
        frames = frames.tb_next
    return False


def describe_safely(raised):
    """The same, running no user code."""
    name = cut(_name(raised), NAME_LIMIT_CHARS)
    value = "<the exception could not be shown>"
    return {"name": name, "value": value, "traceback": f"{name}: {value}\n"}


def _name(raised):
    """Its class's own name: a metaclass may have another idea of ``__name__``."""
    return str.__str__(vars(type)["__name__"].__get__(type(raised)))


def _text(raised):
    try:
        return str.__str__(str(raised))  # a plain str: user code may have made a subclass
    except Exception:
        return "<exception str() failed>"  # the words of CPython's own traceback module


def _traceback(raised):
    traceback = import_traceback()
    shown = traceback.TracebackException(type(raised), raised, raised.__traceback__)
    _cut_own_frames(shown, traceback)
    return "".join(shown.format())


def _bare_traceback(raised, text):
    """Return the same as far as it needs nothing: without source lines, causes, and frames beyond the last ones."""
    lines, frames = [], _TRACEBACK.__get__(raised)
    while frames is not None:
        code = frames.tb_frame.f_code
        if not code.co_filename.startswith(OWN_FILES):
            lines.append(f'  File "{code.co_filename}", line {frames.tb_lineno}, in {code.co_name}\n')
        frames = frames.tb_next
        del lines[:-BARE_FRAMES_LIMIT]
    return "".join(["Traceback (most recent call last):\n"] * bool(lines) + lines) + text


def _cut_own_frames(shown, traceback):
    unseen, seen = [shown], set()
    while unseen:
        shown = unseen.pop()
        if shown is None or id(shown) in seen:
            continue
        seen.add(id(shown))
        unseen += [shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())]
        if shown.stack is None:
            continue
        users = [frame for frame in shown.stack if not frame.filename.startswith(OWN_FILES)]
        if users:
            shown.stack[:] = users
        else:  # a SyntaxError of the cell itself, or a cause that was never raised: no frames, no headline
            shown.exc_traceback = None  # 3.9 asks this one
            shown.stack = None if sys.version_info >= (3, 10) else traceback.StackSummary()
