"""Tokens in a process's environment and arguments, which other processes can read, and how they get out of there."""

from collections.abc import MutableMapping
from typing import Final

TOKEN_VARIABLE: Final = "INTERPRETERD_TOKEN"


def take(environ: MutableMapping[str, str]) -> str:
    """Return the token, and remove it from ``environ`` and from ``/proc/self/environ``; empty if there is none."""
    if TOKEN_VARIABLE not in environ:
        return ""
    import ctypes  # it takes milliseconds, which a daemon without this variable does not need

    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    place = library.getenv(TOKEN_VARIABLE.encode())  # in the block that the kernel shows: nothing has changed it yet
    if place:
        ctypes.memset(place, 0, len(ctypes.string_at(place)))
    return environ.pop(TOKEN_VARIABLE)


def hide_argument(text: str) -> None:
    """Overwrite ``text`` in the arguments of this process, as ps(1) shows them. Until now, they have shown it."""
    import ctypes

    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, proc(5)
    shown = ctypes.string_at(start, end - start) if 0 < start < end else b""
    wanted = text.encode(errors="surrogateescape")
    place = shown.find(wanted)
    while wanted and place >= 0:
        ctypes.memset(start + place, ord("x"), len(wanted))
        place = shown.find(wanted, place + len(wanted))
