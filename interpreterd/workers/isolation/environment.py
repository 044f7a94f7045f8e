"""The environment of isolated contexts' workers: a list of what they get, as the daemon's own may hold secrets.

A worker is started with it, and has never had another: what a process was started with stays in its memory.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_NAMES: Final = (
    "COLUMNS CONDA_DEFAULT_ENV CONDA_PREFIX CUDA_HOME CUDA_PATH CUDA_VISIBLE_DEVICES CURL_CA_BUNDLE EDITOR "
    "GLIBC_TUNABLES LANG LANGUAGE LD_LIBRARY_PATH LINES LOCPATH LOGNAME MPLBACKEND PAGER PATH REQUESTS_CA_BUNDLE "
    "SHELL SOURCE_DATE_EPOCH SSL_CERT_DIR SSL_CERT_FILE TERM TZ TZDIR USER VIRTUAL_ENV"
)
_ALLOWED: Final = frozenset(_NAMES.split())
_PREFIXES: Final = ("LC_", "MALLOC_", "PYTHON", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "NVIDIA_")
_SECRET: Final = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|URL")  # NVIDIA_API_KEY
_NOT: Final = frozenset(("PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PYTHONHISTORY"))  # in other homes
_PROXIES: Final = frozenset(("http_proxy", "https_proxy", "all_proxy", "no_proxy"))
NO_HOME: Final = (
    "/nonexistent"  # until the worker gets its context's: no home's site-packages belong to the environment
)


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what isolated code may see of ``environ``."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in _ALLOWED or _is_of_a_library(name) or _is_plain_proxy(name, value)
    }
    return {**kept, "HOME": NO_HOME}


def _is_of_a_library(name: str) -> bool:
    return name.startswith(_PREFIXES) and name not in _NOT and _SECRET.search(name) is None


def _is_plain_proxy(name: str, value: str) -> bool:
    """Return whether it says which proxy to use, without a password."""
    if name.lower() not in _PROXIES:
        return False
    try:
        return "@" not in value and not urlsplit(value).password
    except ValueError:
        return False
