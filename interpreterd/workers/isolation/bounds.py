"""Whether the paths of one context are where they may be, once links are followed: code may have made these."""

import os
from collections.abc import Iterable
from typing import Final

from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory
from interpreterd.model.isolation import Isolation, IsolationUnavailable, is_below

_KERNEL: Final = ("/proc", "/sys", "/dev")


def check_bounds(asked: Isolation, ours: Isolation, cwd: str, private: str, state: tuple[str, ...] = ()) -> None:
    """Check that ``cwd``, without links, and the paths of ``asked`` give code nothing that is not its own.

    ``private`` is the context's private directory: all contexts' are in the one above it. ``ours`` is the daemon's.
    ``state`` is the daemon's state directory, if there is one, without links.

    Raises:
        InvalidWorkingDirectory, InvalidRequest
    """
    others = os.path.dirname(private)
    if _meet(cwd, others):
        raise InvalidWorkingDirectory(f"working directory holds other contexts' directories: {cwd}")
    if any(_meet(cwd, it) for it in state):
        raise InvalidWorkingDirectory(f"working directory of an isolated context must not hold --state-dir: {cwd}")
    if is_below(cwd, _KERNEL) and not cwd.startswith("/dev/shm/"):
        raise InvalidWorkingDirectory(f"working directory of an isolated context must not be the kernel's: {cwd}")
    for name, paths, bounds in (
        ("readPaths", asked.read_paths, (*ours.read_paths, *ours.write_paths)),
        ("writePaths", asked.write_paths, ours.write_paths),
    ):
        allowed = _real(bounds) if paths else []
        for path, real in zip(paths, _real(paths), strict=True):
            if _meet(real, others):
                raise InvalidRequest(f"isolation.{name} must not hold other contexts' directories, unlike {path}")
            if any(_meet(real, it) for it in state):
                raise InvalidRequest(f"isolation.{name} must not hold --state-dir, unlike {path}")
            if ours.is_on and not is_below(real, allowed):
                raise InvalidRequest(
                    f"isolation.{name} must lie below paths that the daemon allows, unlike {path}: it leads to {real}"
                )


def check_state(readable: Iterable[str], state: tuple[str, ...]) -> None:
    """Raise ``IsolationUnavailable`` if ``state`` is where isolated code may read because of its profile."""
    for path in readable:
        if any(_meet(os.path.realpath(path), it) for it in state):
            raise IsolationUnavailable(
                f"isolated code may read {path}, where --state-dir is: the state directory must be elsewhere"
            )


def _meet(path: str, directory: str) -> bool:
    return is_below(path, (directory,)) or is_below(directory, (path,))


def _real(paths: Iterable[str]) -> list[str]:
    return [os.path.realpath(path) for path in paths]
