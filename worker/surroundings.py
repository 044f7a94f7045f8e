"""Magics around a whole cell, which is otherwise an ordinary one: ``%%time`` and ``%%capture``."""

import io
import sys
from contextlib import contextmanager


class Captured:
    """The output of a cell with ``%%capture name``."""

    def __init__(self):
        self._streams = io.StringIO(), io.StringIO()

    stdout = property(lambda self: self._streams[0].getvalue())
    stderr = property(lambda self: self._streams[1].getvalue())

    def __str__(self):
        return self.stdout

    def show(self):
        """Write the output again."""
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)

    __call__ = show


@contextmanager
def surrounding(runner, magics):
    """Surround a cell by ``magics``: names, and the rest of their lines. Yields whether its value is not shown.

    ``runner`` is a ``magics.Notebook``.
    """
    before = sys.stdout, sys.stderr
    started = []
    for name, rest in magics:
        if name == "time":
            started.append(runner.now())
        else:
            words = rest.split()
            captured = Captured()
            for word in words:
                if not word.startswith("-"):
                    runner.namespace[word] = captured
            if "--no-stdout" not in words:
                sys.stdout = captured._streams[0]
            if "--no-stderr" not in words:
                sys.stderr = captured._streams[1]
    try:
        yield any(name == "capture" for name, _ in magics)
        for start in started:
            runner.timed(start, None)
    finally:
        sys.stdout, sys.stderr = before
