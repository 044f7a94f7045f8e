"""Whether the paths of one context are where they may be, once links are followed: code may have made these."""

import os
from collections.abc import Iterable
from typing import Final

from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory
from interpreterd.model.isolation import Isolation, IsolationUnavailable, is_below
from interpreterd.pipe.confinement import Confinement
from interpreterd.workers.isolation.apart import ApartDirectory

_KERNEL: Final = ("/proc", "/sys", "/dev")


def check_bounds(
    asked: Isolation, ours: Isolation, cwd: str, private: str, apart: Iterable[ApartDirectory] = ()
) -> None:
    """Check that ``cwd``, without links, and the paths of ``asked`` give code nothing that is not its own.

    ``private`` is the context's private directory: all contexts' are in the one above it. ``ours`` is the daemon's.
    ``apart`` are directories of the daemon's own: code may be above them, see ``check_apart``, but not in them.

    Raises:
        InvalidWorkingDirectory, InvalidRequest
    """
    others = os.path.dirname(private)
    if _meet(cwd, others):
        raise InvalidWorkingDirectory(f"working directory holds other contexts' directories: {cwd}")
    if any(it.holds(cwd) for it in apart):
        raise InvalidWorkingDirectory(f"working directory of an isolated context must not be in --state-dir: {cwd}")
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
            if any(it.holds(real) for it in apart):
                raise InvalidRequest(f"isolation.{name} must not be in --state-dir, unlike {path}")
            if ours.is_on and not is_below(real, allowed):
                raise InvalidRequest(
                    f"isolation.{name} must lie below paths that the daemon allows, unlike {path}: it leads to {real}"
                )


def check_apart(confinement: Confinement, apart: Iterable[ApartDirectory]) -> None:
    """Raise ``IsolationUnavailable`` if code could reach one of ``apart``: there is no view in which it is covered."""
    shown = confinement.landlock
    for path in (*shown.read, *shown.asked, *shown.write) if confinement.view is None else ():
        if any(it.is_in(os.path.realpath(path)) for it in apart):
            raise IsolationUnavailable(
                f"isolated code could reach --state-dir, which is in {path}: there are no mount namespaces to hide it"
            )


def _meet(path: str, directory: str) -> bool:
    return is_below(path, (directory,)) or is_below(directory, (path,))


def _real(paths: Iterable[str]) -> list[str]:
    return [os.path.realpath(path) for path in paths]
