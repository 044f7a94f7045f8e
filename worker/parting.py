"""Keeps copies of a confined worker from it, and from each other: signals, ptrace(2), abstract sockets.

Landlock lets a process reach the processes of its own domain and of those below it. A copy is made in the domain of its
original. So the copy enters a domain of its own, and so does the original: neither is then above the other. A domain
takes nothing away but that, and there are at most 16 below each other: landlock(7).
"""

from binascii import a2b_base64

from worker import landlock
from worker.confining import install
from worker.syscalls import libc


def part(given, is_copy):
    """Enter a domain of its own, as ``given``, the ``part`` of the daemon's message, says. Raises OSError, ImportError.

    A copy also gives up what only its original may do, which the filter of system calls knows by its number. In a pid
    namespace both do: each sees the other's processes.
    """
    calls = libc()
    landlock.enter_own_domain(given["abi"], calls)
    if is_copy or given["forBoth"]:
        install(a2b_base64(given["seccomp"]), 0, calls)
