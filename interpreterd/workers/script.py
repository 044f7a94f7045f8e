"""The worker as bytecode: compiled once, by its own interpreter, and run from memory by every worker."""

import contextlib
import fcntl
import os
import resource
from collections.abc import Iterator
from importlib import resources
from typing import Final

OLDEST_PYTHON: Final = (3, 9)
# Without columns of source code, by which tracebacks underline: nobody sees the worker's own lines.
COMPILER_FLAGS: Final = ("-X", "no_debug_ranges")
# Compiling takes as long as all the rest of a worker's start, and leaves half a megabyte of memory in use.
# An interpreter that is too old for the worker must at least be able to read this, and to say so.
_COMPILE: Final = """
import os, sys

answer = sys.executable + "\\n" + ".".join(map(str, sys.version_info[:3])) + "\\n"
os.write(1, answer.encode("utf-8", "surrogateescape"))
if sys.version_info >= OLDEST_PYTHON:
    import marshal
    from importlib.util import MAGIC_NUMBER

    codes = {
        name: compile(source, "<interpreterd worker " + name + ">", "exec", dont_inherit=True, optimize=2)
        for name, source in SOURCES.items()
    }
    with open(1, "wb", closefd=False) as out:
        out.write(MAGIC_NUMBER + bytes(12))  # PEP 552
        marshal.dump(codes.pop("start"), out)
        marshal.dump(codes, out)
"""
# The first code object of the file is this, and what Python runs. A worker need not keep what it loads. The first path
# is the script's folder, and so the root directory, which may hold a select.py.
_START: Final = """
import marshal, sys
if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]
with open(sys.argv[0], "rb") as file:
    file.seek(16)
    marshal.load(file)
    codes = marshal.load(file)
exec(codes.pop("boot"))
"""


def compiler() -> bytes:
    """Return a program, for the workers' interpreter, that prints its path, its version, and the worker's script.

    A line each for path and version; the rest is the content of a ``.pyc`` file. The worker is not imported here: it
    is data, for another interpreter.
    """
    folder = resources.files("interpreterd") / "_worker"
    files = [file for file in folder.iterdir() if file.name.endswith(".py")]
    sources = {file.name.removesuffix(".py"): file.read_text("utf-8") for file in files} | {"start": _START}
    return f"OLDEST_PYTHON = {OLDEST_PYTHON}\nSOURCES = {sources!a}\n{_COMPILE}".encode()


def command(executable: str, script_fd: int) -> list[str]:
    """Return what starts a worker, but for its arguments.

    Not isolated (-I): it has to obey the environment as a plain Python does. Its paths it knows how to set up itself,
    together with site, which runs code of the user's.
    """
    return [executable, "-S", f"/proc/self/fd/{script_fd}"]


def in_memory(script: bytes) -> int:
    """Return a descriptor, at its beginning, of a file that has no path and cannot be changed; the caller closes it.

    No path: none that another user could have prepared, none that a cleaner removes.
    """
    fd = os.memfd_create("interpreterd-worker", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(fd, "wb", closefd=False) as file, _files_of_any_size():
            file.write(script)
            file.seek(0)
        # User code can open it by way of proc(5): without seals it could give all later workers another program.
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def _files_of_any_size() -> Iterator[None]:
    """Lift the limit of file sizes, setrlimit(2), for the block as far as that is allowed: it is for files on disks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (resource.RLIM_INFINITY, hard):
        with contextlib.suppress(ValueError):  # only root may have more than the hard limit
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            break
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
