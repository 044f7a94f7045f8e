"""User code's exceptions as text: the names, values and tracebacks that clients see."""

import sys

NAME_LIMIT_CHARS = 256
VALUE_LIMIT_CHARS = 32 << 10
TRACEBACK_LIMIT_CHARS = 96 << 10  # together with value and name below 1 MiB, even if every character becomes \u00XX
OWN_FILES = "<interpreterd "  # the beginning of the file names of the worker's own code
# The beginning of the file names of cells. Libraries that keep compiled code on disk, such as numba, know only such a
# name for code without a file.
CELLS = "<ipython-cell-"
_TRACEBACK = BaseException.__traceback__  # not the attribute that a class of user code may have instead
BARE_FRAMES_LIMIT = 50


def cut(text, limit_chars):
    """Return ``text``; if it is longer than ``limit_chars``, a marker replaces its middle and counts the characters."""
    if len(text) <= limit_chars:
        return text
    half = limit_chars // 2
    return f"{text[:half]}\n... [{len(text) - 2 * half} characters cut] ...\n{text[-half:]}"


def describe(raised):
    """Return ``{"name", "value", "traceback"}`` of an exception, as CPython prints it, without the worker's frames.

    If possible, with the keys of ``details``. Runs user code (``__str__`` and the like), so it may raise anything.
    """
    name, value, more = cut(name_of(raised), NAME_LIMIT_CHARS), cut(_text(raised), VALUE_LIMIT_CHARS), {}
    try:
        traceback, more = _traceback(raised)
    # User code has broken something that this needs: imports, the traceback module, the exception's attributes.
    except Exception:
        traceback = _bare_traceback(raised, f"{name}: {value}\n")
    return {"name": name, "value": value, "traceback": cut(traceback, TRACEBACK_LIMIT_CHARS), **more}


def described(raised, confine):
    """Do as ``describe``. In a worker that ``confine`` confines, say also if that has caused ``raised``."""
    if confine is None:
        return describe(raised)
    from worker.explaining import describe_refused

    return describe_refused(raised, confine)


def forget_own_frames(raised):
    """Take the worker's frames out of a traceback's beginning.

    They and ``raised`` refer to each other, which would keep it until the next garbage collection.
    """
    frames = _TRACEBACK.__get__(raised)
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(OWN_FILES):
        frames = frames.tb_next
    _TRACEBACK.__set__(raised, frames)


def forget_frames(raised):
    """Remove all frames that ``raised`` keeps alive."""
    _TRACEBACK.__set__(raised, None)


def remember(raised):
    """Put ``raised`` where ``pdb.pm()`` and ``traceback.print_last()`` look for it, as Python's own prompt does."""
    if issubclass(type(raised), SystemExit):
        return
    sys.last_type, sys.last_value, sys.last_traceback = type(raised), raised, _TRACEBACK.__get__(raised)
    if sys.version_info >= (3, 12):
        sys.last_exc = raised


def call_hook(call, raised, error):
    """Call ``sys.excepthook``, by ``call``, with ``raised``, which is described by ``error``.

    An exception of the hook ends only the hook, ``SystemExit`` silently; but KeyboardInterrupt is passed on.
    """
    try:
        call(sys.excepthook, type(raised), raised, _TRACEBACK.__get__(raised))
    except KeyboardInterrupt:
        raise
    except SystemExit:
        pass
    except BaseException as caught:
        forget_own_frames(caught)
        shown = describe(caught)["traceback"]
        try:
            sys.stderr.write(f"Error in sys.excepthook:\n{shown}\nOriginal exception was:\n{error['traceback']}")
        except Exception:  # of any object that user code has put there
            pass


def describe_again(raised, late):
    """Describe ``raised`` again after ``late`` was raised meanwhile; SIGINT is only remembered by now.

    An interrupt that hit no user code is not reported. Otherwise no user code is run again: its ``__str__`` may have
    been endless.
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
    """Describe ``raised`` without running user code."""
    name = cut(name_of(raised), NAME_LIMIT_CHARS)
    value = "<the exception could not be shown>"
    return {"name": name, "value": value, "traceback": f"{name}: {value}\n"}


def name_of(raised):
    """Return its class's own name: a metaclass may have another ``__name__``."""
    return str.__str__(vars(type)["__name__"].__get__(type(raised)))


def _text(raised):
    try:
        return str.__str__(str(raised))  # a plain str: user code may have made a subclass
    except Exception:
        return "<exception str() failed>"  # the words of CPython's own traceback module


def _traceback(raised):
    """Return the traceback and the details."""
    from worker.standard import import_traceback

    traceback = import_traceback()
    shown = traceback.TracebackException(type(raised), raised, raised.__traceback__)
    _cut_own_frames(shown, traceback)
    text = "".join(shown.format())
    try:
        from worker.details import details

        return text, details(shown, raised, traceback.linecache)
    except Exception:  # as for the text
        return text, {}


def _bare_traceback(raised, text):
    """Return a traceback that needs no imports: without source lines, causes, and frames beyond the last ones."""
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
            shown.exc_traceback = None  # Python 3.9 reads this one
            shown.stack = None if sys.version_info >= (3, 10) else traceback.StackSummary()
