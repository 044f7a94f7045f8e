"""The token in the daemon's environment, and how it gets out of there: every process of this user may read that."""

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
