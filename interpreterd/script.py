"""The worker as one file of bytecode: compiled once, by its own interpreter, and run from memory by every worker."""

import fcntl
import os
from importlib import resources
from typing import Final

OLDEST_PYTHON: Final = (3, 9)
# Compiling takes as long as all the rest of a worker's start, and leaves half a megabyte of memory in use.
# An interpreter that is too old for the worker must at least be able to read this, and to say so.
_COMPILE: Final = """
import os, sys

answer = sys.executable + "\\n" + ".".join(map(str, sys.version_info[:3])) + "\\n"
os.write(1, answer.encode("utf-8", "surrogateescape"))
if sys.version_info >= OLDEST_PYTHON:
    import marshal
    from importlib.util import MAGIC_NUMBER

    def compiled(name, source):
        return compile(source, "<interpreterd worker " + name + ">", "exec", 0, True, 2)

    codes = tuple((name, compiled(name, source)) for name, source in SOURCES.items())
    boot = compiled("boot", BOOT)
    boot = boot.replace(co_consts=tuple(codes if value == "the other modules" else value for value in boot.co_consts))
    with open(1, "wb", closefd=False) as out:
        out.write(MAGIC_NUMBER + bytes(12) + marshal.dumps(boot))  # PEP 552: flags, and what they leave unused
"""
_RUN: Final = """
run(
    dict("the other modules"),
    int(sys.argv[1]),
    sys.argv[2] == "1",
    *[[name for name in argument.split(",") if name] for argument in sys.argv[3:]],
)
"""


def compiler() -> bytes:
    """Return a program, for the workers' interpreter, that prints its path, its version, and the compiled worker.

    A line each for path and version; the rest is the content of a ``.pyc`` file. The worker is not imported here: it
    is data, for another interpreter.
    """
    folder = resources.files("interpreterd") / "_worker"
    if not folder.is_dir():  # a checkout, where it stands beside the package
        folder = resources.files("interpreterd") / ".." / "worker"
    files = [file for file in folder.iterdir() if file.name.endswith(".py")]
    sources = {file.name.removesuffix(".py"): file.read_text("utf-8") for file in files}
    boot = sources.pop("boot") + _RUN
    return f"OLDEST_PYTHON = {OLDEST_PYTHON}\nSOURCES = {sources!a}\nBOOT = {boot!a}\n{_COMPILE}".encode()


def in_memory(script: bytes) -> int:
    """Return a descriptor, at its beginning, of a file that has no path and cannot be changed; the caller closes it.

    No path: none that another user could have prepared, none that a cleaner removes.
    """
    fd = os.memfd_create("interpreterd-worker", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as file:
        file.write(script)
        file.seek(0)
    # User code can open it by way of proc(5): without seals it could give all later workers another program.
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd
