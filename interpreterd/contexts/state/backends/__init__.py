"""Where a daemon keeps state that outlives it: a file for each backend, and a row of ``BACKENDS``.

A row imports its backend only when it is used: a daemon that keeps nothing does not need it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from interpreterd.contexts.state.backends.backend import StateBackend


def _directory(path: str, *, total_limit_bytes: int | None = None, takes_over: bool = False) -> "StateBackend":
    from interpreterd.contexts.state.backends.directory import DirectoryStore

    return DirectoryStore(path, total_limit_bytes=total_limit_bytes, takes_over=takes_over)


BACKENDS: Final[Mapping[str, Callable[..., "StateBackend"]]] = MappingProxyType({"directory": _directory})
"""What opens each backend; it blocks, and raises ``SettingError``."""
