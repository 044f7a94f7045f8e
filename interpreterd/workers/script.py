"""The worker as bytecode: compiled once, by its own interpreter, and run from memory by every worker."""

import contextlib
import fcntl
import os
import resource
from collections.abc import Iterator
from importlib import resources
from typing import Final

OLDEST_PYTHON: Final = (3, 9)
# Without columns of source code, which underline lines in tracebacks: the worker's own lines are never shown.
COMPILER_FLAGS: Final = ("-X", "no_debug_ranges")
# Compiling takes as long as the rest of a worker's start, and leaves half a megabyte of memory in use. An interpreter
# that is too old for the worker must at least be able to read this program, and to say so.
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
# This is the first code object of the file, and the one that Python runs. A worker need not keep the code that it
# loads. The first path is the script's folder, and so the root directory, which may hold a select.py.
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

    Path and version are a line each; the rest is the content of a ``.pyc`` file. The worker is not imported here: it
    is data, for another interpreter.
    """
    folder = resources.files("interpreterd") / "_worker"
    files = [file for file in folder.iterdir() if file.name.endswith(".py")]
    sources = {file.name.removesuffix(".py"): file.read_text("utf-8") for file in files} | {"start": _START}
    return f"OLDEST_PYTHON = {OLDEST_PYTHON}\nSOURCES = {sources!a}\n{_COMPILE}".encode()


def command(executable: str, script_fd: int) -> list[str]:
    """Return the command that starts a worker, without its arguments.

    Not isolated (-I), because it has to obey the environment as a plain Python does. The worker sets up its paths
    itself, and also site, which runs the user's code.
    """
    return [executable, "-S", f"/proc/self/fd/{script_fd}"]


def in_memory(script: bytes) -> int:
    """Return a descriptor, at its beginning, of a read-only file without a path; the caller closes it.

    Without a path, no other user can prepare the file, and no cleaner removes it.
    """
    fd = os.memfd_create("interpreterd-worker", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(fd, "wb", closefd=False) as file, _files_of_any_size():
            file.write(script)
            file.seek(0)
        # User code can open it by proc(5): without seals, it could give all later workers another program.
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def _files_of_any_size() -> Iterator[None]:
    """Lift the limit of file sizes, setrlimit(2), for the block, as far as allowed: it is for files on disks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (resource.RLIM_INFINITY, hard):
        with contextlib.suppress(ValueError):  # only root may exceed the hard limit
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            break
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
