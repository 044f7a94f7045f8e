"""Closed files, which an archive can have: ``with open(…) as file`` leaves one behind."""

import os

_KINDS = ("TextIOWrapper", "BufferedReader", "BufferedWriter", "BufferedRandom")
_MODE = frozenset("rwaxb+")


def closed_form(file):
    """Return what ``__reduce__`` would, for a closed file of one of Python's own classes; otherwise None."""
    kind = type(file)
    if kind.__module__ != "_io" or kind.__name__ not in _KINDS:
        return None
    try:
        is_text = kind.__name__ == "TextIOWrapper"
        raw = file.buffer.raw if is_text else file.raw
        name, mode = raw.name, raw.mode
        if not file.closed or type(name) not in (str, bytes, int) or not _MODE.issuperset(mode):
            return None
        return made_closed, (name, mode.replace("x", "w"), file.encoding if is_text else None)
    except (ValueError, AttributeError, TypeError):  # detached, or on top of something else than a file
        return None


def made_closed(name, mode, encoding):
    """Return a closed file of this ``name`` and ``mode``, binary without ``encoding``. The path is not opened."""
    name = str(name) if type(name) is int else name

    def nothing(path, flags):
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    form = mode if encoding is None else mode.replace("b", "")
    with open(name, form, encoding=encoding, opener=nothing) as file:
        return file
