"""Environment variables that Python, the C library, the linker or a numeric library reads once, when Python starts.

A context whose ``envs`` have one gets a worker that is started with it, instead of a waiting one. For a single
execution it comes too late.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from interpreterd.model.errors import InvalidRequest

# Variables that Python reads each time, or never without a terminal, are in neither list.
_OF_PYTHON: Final = frozenset(
    [
        "PYTHONCASEOK",
        "PYTHONCOERCECLOCALE",
        "PYTHONDEBUG",
        "PYTHONDEVMODE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONDUMPREFS",
        "PYTHONDUMPREFSFILE",
        "PYTHONEXECUTABLE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONHOME",
        "PYTHONINTMAXSTRDIGITS",
        "PYTHONIOENCODING",
        "PYTHONMALLOC",
        "PYTHONMALLOCSTATS",
        "PYTHONNODEBUGRANGES",
        "PYTHONNOUSERSITE",
        "PYTHONOPTIMIZE",
        "PYTHONPATH",
        "PYTHONPERFSUPPORT",
        "PYTHONPLATLIBDIR",
        "PYTHONPROFILEIMPORTTIME",
        "PYTHONPYCACHEPREFIX",
        "PYTHONSAFEPATH",
        "PYTHONTHREADDEBUG",
        "PYTHONTRACEMALLOC",
        "PYTHONUSERBASE",
        "PYTHONUTF8",
        "PYTHONVERBOSE",
        "PYTHONWARNDEFAULTENCODING",
        "PYTHONWARNINGS",
        "PYTHON_CONTEXT_AWARE_WARNINGS",
        "PYTHON_CPU_COUNT",
        "PYTHON_DISABLE_REMOTE_DEBUG",
        "PYTHON_FROZEN_MODULES",
        "PYTHON_GIL",
        "PYTHON_JIT",
        "PYTHON_PERF_JIT_SUPPORT",
        "PYTHON_PRESITE",
        "PYTHON_THREAD_INHERIT_CONTEXT",
        "PYTHON_TLBC",
        "GLIBC_TUNABLES",
    ]
)
_OF_THE_PROCESS: Final = ("LD_", "MALLOC_")
# These reach children and later readers, even if this Python has already read them. TZ can be read again at any time,
# and is.
_OF_LIBRARIES: Final = ("LC_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_")
_OF_PLACE: Final = frozenset(("LANG", "LANGUAGE", "LOCPATH", "HOME"))  # HOME has the user's own site-packages
# The worker gets it under this name, so that it starts without the user's modules.
PYTHONPATH: Final = "INTERPRETERD_PYTHONPATH"

NO_ENVS: Final[Mapping[str, str]] = MappingProxyType({})


def at_start(envs: Mapping[str, str], cwd: str) -> dict[str, str]:
    """Return the ``envs`` with which a worker has to be started; a PYTHONPATH is relative to ``cwd``."""
    chosen = {
        name: value
        for name, value in envs.items()
        if name in _OF_PYTHON or name in _OF_PLACE or name.startswith((*_OF_THE_PROCESS, *_OF_LIBRARIES))
    }
    if path := chosen.get("PYTHONPATH"):
        chosen["PYTHONPATH"] = absolute_path(path, cwd)
    return chosen


def absolute_path(path: str, cwd: str) -> str:
    """Return a PYTHONPATH without relative directories."""
    return os.pathsep.join(os.path.normpath(os.path.join(cwd, folder)) for folder in path.split(os.pathsep))


def started_with(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which to start a worker that is to have ``environment``."""
    changed = dict(environment)
    if path := changed.pop("PYTHONPATH", None):
        changed[PYTHONPATH] = path
    return changed


def check_envs(envs: Mapping[str, str]) -> None:
    """Raise ``InvalidRequest`` if a context cannot have ``envs``."""
    encoding = envs.get("PYTHONIOENCODING", "").partition(":")[0]
    if encoding and not _names_utf8(encoding):
        raise InvalidRequest("envs can set PYTHONIOENCODING only to utf-8, because output is read as UTF-8")


def check_late_envs(envs: Mapping[str, str]) -> None:
    """Raise ``InvalidRequest`` if ``envs`` of an execution have a variable that would have no effect."""
    for name, value in envs.items():
        late = name in _OF_PYTHON or name.startswith(_OF_THE_PROCESS)
        if late and not (name == "PYTHONIOENCODING" and _names_utf8(value)):
            raise InvalidRequest(
                f"envs of an execution cannot set {name:.100}: it is read when Python starts; "
                "a context's envs can set it"
            )


def _names_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")
