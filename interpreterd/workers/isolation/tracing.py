"""Whether the daemon may look into its workers, as a tracer may: it has to, to answer their calls (``loopback.py``)."""

import contextlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from interpreterd.files.rights import acting_as
from interpreterd.processes.listening import SocketTable, TooMany

CAP_SYS_PTRACE: Final = 19  # capabilities(7)
_YAMA: Final = "/proc/sys/kernel/yama/ptrace_scope"
_FROM_ABOVE: Final = 1  # ptrace(2): processes may trace their descendants
_CAPABILITIES: Final = re.compile(r"^CapEff:\s*([0-9a-f]+)$", re.MULTILINE)
_HERE: Final = b"\x7f\0\0\1"


def why_no_loopback() -> str | None:
    """Return why contexts of the daemon's own user cannot be connected to their own servers; None if they can be."""
    try:
        with SocketTable() as table:
            table.listening(_HERE, 1)
    except (OSError, TooMany) as error:
        return f"the kernel does not say which sockets listen (CONFIG_INET_DIAG): {error}"
    scope = 0
    with contextlib.suppress(OSError, ValueError), open(_YAMA) as file:
        scope = int(file.read())
    if scope > _FROM_ABOVE and not may_trace_all():
        return f"{_YAMA} is {scope}: the daemon may not look into its workers"
    return None


def rights_to_look(user: int | None) -> Callable[[], AbstractContextManager[None]]:
    """Return the rights to look into processes of ``user``, or of the daemon's own if that is None, as blocks.

    Without CAP_SYS_PTRACE, which containers mostly do not have, a superuser may not look into other users' processes;
    but its threads may become these users.
    """
    return nullcontext if user is None or may_trace_all() else partial(acting_as, user)


def may_trace_all() -> bool:
    """Return whether the daemon may look into processes of other users."""
    try:
        with open("/proc/self/status") as file:
            found = _CAPABILITIES.search(file.read())
    except OSError:
        return False
    return found is not None and bool(int(found[1], 16) >> CAP_SYS_PTRACE & 1)
