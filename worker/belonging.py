"""The user of a confined worker of a superuser's daemon: setresuid(2), and what goes with the change.

The process must have one thread, and CAP_SETUID, CAP_SETGID and CAP_CHOWN. Its capabilities go later: ``confining``.
"""

import os
from stat import S_ISFIFO

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE = 1, 2, 4  # prctl(2)


def become(calls, user):
    """Be ``user``, with the group of that number and no other one, for good; ``calls`` are of ``syscalls``.

    Raises OSError, which names the step.
    """
    dies = bytes(4)  # filled by the kernel
    calls.call("prctl", PR_GET_PDEATHSIG, dies, 0, 0, 0)
    try:
        for fd in (1, 2):  # otherwise /dev/stdout and /dev/stderr could not be opened: they would be root's
            if S_ISFIFO(os.fstat(fd).st_mode):
                os.fchown(fd, user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as error:
        raise OSError(error.errno, f"user {user}: {error.strerror}") from None
    if os.getresuid() != (user,) * 3 or os.getresgid() != (user,) * 3 or os.getgroups():
        raise OSError(1, f"user {user}: it did not change")
    # The change has reset these two. Without the first, the process's own files in /proc would be root's.
    calls.call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
    if any(dies):
        calls.call("prctl", PR_SET_PDEATHSIG, dies[0], 0, 0, 0)
