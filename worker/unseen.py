"""Modules of C for the worker's own use: user code finds them, and ``sys.modules``, as in any program.

``syscalls.py`` does the same by itself, as it also runs where there are no other modules.
"""

import sys


def unseen(name):
    """Return the module ``name``, which is in ``sys.modules`` only if it was there before. Raises ImportError."""
    was_there = name in sys.modules
    module = __import__(name, globals())
    if not was_there:
        sys.modules.pop(name, None)
    return module
