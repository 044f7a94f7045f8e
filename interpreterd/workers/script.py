"""The worker as bytecode: compiled once, by its own interpreter, and run from memory by every worker.

The file has three parts: a few lines that Python runs; modules that a worker makes when it needs them, each for itself,
with an index after them; and the modules that it makes at its start, as one object.
"""

import ast
import contextlib
import fcntl
import os
import resource
from collections.abc import Iterator
from importlib import resources
from typing import Final

from interpreterd.processes.hidden_memory import not_counted

OLDEST_PYTHON: Final = (3, 9)
# Without columns of source code, which underline lines in tracebacks: the worker's own lines are never shown.
COMPILER_FLAGS: Final = ("-X", "no_debug_ranges")
_LATER_AT: Final = 1 << 10
# CPython reads a whole .pyc file into memory, only to run its beginning, if the file is not longer than this
# (REASONABLE_FILE_LIMIT in its marshal.c).
_MODULES_AT: Final = 1 << 18
# So much memory malloc(3) takes from the kernel, and gives back: M_MMAP_THRESHOLD in mallopt(3). The file ends earlier.
_READ_BYTES: Final = 1 << 20
# Compiling takes as long as the rest of a worker's start, and leaves half a megabyte of memory in use. An interpreter
# that is too old for the worker must at least be able to read this program, and to say so.
_COMPILE: Final = """
import os, sys

answer = sys.executable + "\\n" + ".".join(map(str, sys.version_info[:3])) + "\\n"
os.write(1, answer.encode("utf-8", "surrogateescape"))
if sys.version_info >= OLDEST_PYTHON:
    import marshal
    from importlib.util import MAGIC_NUMBER

    def compiled(name, source):
        return compile(source, "<interpreterd worker " + name + ">", "exec", dont_inherit=True, optimize=2)

    codes = {name: compiled(name, source) for name, source in SOURCES.items()}
    at_start = {name: codes.pop(name) for name in AT_START}
    later, places, end = [], {}, LATER_AT
    for name, code in codes.items():
        later.append(marshal.dumps(code))
        places[name] = end, len(later[-1])
        end += len(later[-1])
    index = marshal.dumps(places)
    modules = marshal.dumps((at_start, (end, len(index))))
    modules_at = max(MODULES_AT, end + len(index))
    start = marshal.dumps(compiled("start", START.format(at=modules_at, size=READ_BYTES)))
    file = MAGIC_NUMBER + bytes(12) + start  # PEP 552
    if len(file) > LATER_AT or len(modules) > READ_BYTES:
        sys.exit("the worker has outgrown the constants of its script")
    file = (file.ljust(LATER_AT, bytes(1)) + b"".join(later) + index).ljust(modules_at, bytes(1)) + modules
    with open(1, "wb", closefd=False) as out:
        out.write(file)
"""
# These are the lines that Python runs. The first path is the script's folder, and so the root directory, which may hold
# a select.py. All workers share the descriptor's offset: so it is not used.
_START: Final = """
import marshal, sys
from posix import pread
if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]
script_fd = int(sys.argv[0].rpartition("/")[2])
codes, later = marshal.loads(pread(script_fd, {size}, {at}))
exec(codes.pop("boot"))
"""


def compiler() -> bytes:
    """Return a program, for the workers' interpreter, that prints its path, its version, and the worker's script.

    Path and version are a line each; the rest is the content of a ``.pyc`` file. The worker is not imported here: it
    is data, for another interpreter.
    """
    folder = resources.files("interpreterd") / "_worker"
    files = [file for file in folder.iterdir() if file.name.endswith(".py")]
    sources = {file.name.removesuffix(".py"): file.read_text("utf-8") for file in files}
    given = {
        "OLDEST_PYTHON": OLDEST_PYTHON,
        "SOURCES": sources,
        "AT_START": ("boot", *_made_at_start(sources["boot"])),
        "START": _START,
        "LATER_AT": _LATER_AT,
        "MODULES_AT": _MODULES_AT,
        "READ_BYTES": _READ_BYTES,
    }
    return ("".join(f"{name} = {value!a}\n" for name, value in given.items()) + _COMPILE).encode()


def _made_at_start(boot: str) -> tuple[str, ...]:
    """Return ``MODULES`` of the source of ``worker/boot.py``."""
    for statement in ast.parse(boot).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "MODULES":
            modules: tuple[str, ...] = ast.literal_eval(statement.value)
            return modules
    raise ValueError("worker/boot.py has no MODULES")


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
    found = os.fstat(fd)
    not_counted.add((found.st_dev, found.st_ino))
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
