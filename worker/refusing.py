"""What ``input()`` and ``getpass()`` raise in an execution whose client takes no questions."""

import sys

from worker import namespace

_NAMES = {"input()": "raw_input", "getpass()": "getpass"}  # as IPython calls them


class StdinNotImplementedError(NotImplementedError):
    """The client does not answer questions."""

    __module__ = "builtins"  # so messages show no module


def refused(name):
    """Return the exception of ``name``: IPython's if the request wants that, with IPython's class if it is there."""
    if not namespace.current.request.get("refusesInput"):
        return EOFError(f"{name} has nothing to read: this execution has no standard input")
    kind = getattr(sys.modules.get("IPython.core.error"), "StdinNotImplementedError", StdinNotImplementedError)
    return kind(f"{_NAMES.get(name, name)} was called, but this frontend does not support input requests.")
