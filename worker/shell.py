"""Commands of cells: ``!command`` and scripts, run by the user's shell, and variables in their text."""

import os
import re
import sys
from string import Formatter
from subprocess import DEVNULL, PIPE, STDOUT, CompletedProcess, Popen, TimeoutExpired

PATIENCE_S = 0.25  # for a command that was interrupted, then for one that was terminated
_SHELLS = ("bash", "sh", "zsh", "dash", "ksh", "ash", "fish")
_DOLLAR = re.compile(r"\$(\$|[^\W\d]\w*(?:\.[^\W\d]\w*)*)|'[^']*'")
_READ_BYTES = 1 << 16


def shell():
    """Return the path of the shell: the user's, if ``SHELL`` names one, else ``sh``."""
    own = os.environ.get("SHELL", "")
    return own if os.path.basename(own) in _SHELLS and os.access(own, os.X_OK) else "/bin/sh"


def run(arguments, text=None):
    """Run a program whose output is the cell's, at once; return its exit status, negative for a signal.

    ``text`` is its standard input. If the program has put another stream into ``sys.stdout``, that gets the output.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    source = DEVNULL if text is None else _file(text)
    own = sys.stdout is sys.__stdout__
    try:
        process = Popen(arguments, stdin=source, stdout=None if own else PIPE, stderr=None if own else STDOUT)
    finally:
        if source != DEVNULL:
            os.close(source)
    try:
        if not own:
            while data := process.stdout.read1(_READ_BYTES):
                sys.stdout.write(data.decode(errors="replace"))
        return process.wait()
    finally:
        _end(process)


def captured(command):
    """Run a command; return its exit status and its output, stderr included."""
    sys.stdout.flush()
    process = Popen([shell(), "-c", command], stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        output = process.communicate()[0]
        return CompletedProcess(command, process.returncode, output.decode(errors="replace"))
    finally:
        _end(process)


def _file(text):
    """Return a descriptor of a file in memory that holds ``text``."""
    fd = os.memfd_create("cell")
    data = text.encode("utf-8", "surrogateescape")
    while data:
        data = data[os.write(fd, data) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _end(process):
    """End a process that still runs, after an interrupt that it may have got too."""
    for end in (process.terminate, process.kill):
        try:
            process.wait(PATIENCE_S)
            break
        except TimeoutExpired:
            end()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def expanded(text, frame):
    """Return ``text`` with ``{expression}`` and ``$name`` of the code in ``frame`` in place, as IPython has them.

    If an expression cannot be evaluated, the text stays as it is: it is perhaps the shell's or awk's own.
    """
    names = frame.f_locals
    try:
        parts = []
        for literal, expression, spec, conversion in Formatter().parse(text):
            parts.append(_DOLLAR.sub(lambda found: _value(found, frame), literal))
            if expression is not None:
                value = eval(expression, frame.f_globals, names)
                parts.append(format(Formatter().convert_field(value, conversion), spec or ""))
        return "".join(parts)
    except Exception:
        return text


def _value(found, frame):
    """Return the value of ``$name.attribute``; the text itself, for the shell, if there is no such name."""
    path = found[1]
    if path is None:
        return found[0]
    if path == "$":
        return "$"
    name, *attributes = path.split(".")
    for names in (frame.f_locals, frame.f_globals):
        if name in names:
            value = names[name]
            break
    else:
        return found[0]
    while attributes and hasattr(value, attributes[0]):
        value = getattr(value, attributes.pop(0))
    return ".".join([str(value), *attributes])


class SList(list):
    """The lines of a command's output, also as one string by ``n``, as words by ``s``, as paths by ``p``."""

    l = list = property(lambda self: self)  # noqa: E741 -- IPython's names
    n = nlstr = property("\n".join)
    s = spstr = property(" ".join)

    @property
    def p(self):
        """The lines that are paths of files."""
        from pathlib import Path

        return [Path(line) for line in self if os.path.exists(line)]

    paths = p

    def grep(self, pattern, prune=False, field=None):
        """Return the lines in which ``pattern``, a regular expression or a function, finds something; or all others."""
        found = pattern if callable(pattern) else re.compile(pattern, re.IGNORECASE).search
        texts = [line if field is None else " ".join(line.split()[field : field + 1]) for line in self]
        return SList(line for line, text in zip(self, texts) if bool(found(text)) is not prune)

    def fields(self, *numbers):
        """Return the words at ``numbers`` of each line."""
        words = [line.split() for line in self]
        if not numbers:
            return words
        return SList(" ".join(line[n] for n in numbers if -len(line) <= n < len(line)) for line in words)
