"""A ruleset of landlock(7) for this process and all that it starts."""

import os
from errno import ELOOP
from stat import S_ISDIR

from worker.syscalls import LANDLOCK_ADD_RULE, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF

# <linux/landlock.h>
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
CONNECT_TCP = 1 << 1
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1 << 0, 1 << 1
LOG_SAME_EXEC_OFF = 1 << 0
_PATH_BENEATH, _NET_PORT = 1, 2
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_READ = EXECUTE | READ_FILE | READ_DIR
_CHANGE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
_WRITE = _READ | _CHANGE | REFER | TRUNCATE
_DEVICES = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV


def handled(abi):
    """Return the rights to files that version ``abi`` of the interface knows; all that no rule gives are refused."""
    bits = 13
    for since, more in ((2, 1), (3, 1), (5, 1)):
        bits += more if abi >= since else 0
    return (1 << bits) - 1


def restrict(rules, calls):
    """Apply ``rules``, see ``pipe/confinement.py``; before, ``no_new_privs`` has to be set. Raises OSError."""
    abi = rules["abi"]
    ports = rules.get("ports")
    files = handled(abi)
    net = CONNECT_TCP if ports is not None and abi >= 4 else 0
    scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL if abi >= 6 else 0
    words = (files, net, scoped)[: 1 if abi < 4 else 2 if abi < 6 else 3]
    ruleset = _ruleset(words, calls)
    try:
        for key, rights in (("read", _READ), ("devices", _DEVICES)):
            for path in rules[key]:
                _allow_below(ruleset, path, rights & files, calls)
        for path in rules.get("asked", ()):
            _allow_below(ruleset, path, _READ & files, calls, is_real=True)
        for path in rules["write"]:
            if not _allow_below(ruleset, path, _WRITE & files, calls, is_real=True):
                raise OSError(ELOOP, f"{path} leads elsewhere by now")
        for port in ports if net else ():
            rule = CONNECT_TCP.to_bytes(8, "little") + port.to_bytes(8, "little")
            calls.system(LANDLOCK_ADD_RULE, ruleset, _NET_PORT, rule, 0)
        _enter(ruleset, abi, calls)
    finally:
        os.close(ruleset)


def enter_own_domain(abi, calls):
    """Enter a domain below the present one, which allows the same but to reach processes outside. Raises OSError.

    E2BIG says that there are too many below each other.
    """
    # What no rule allows is renaming between directories, even if nothing is said of it: landlock(7).
    ruleset = _ruleset((REFER, 0, SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL), calls)
    try:
        _allow_below(ruleset, "/", REFER, calls)
        _enter(ruleset, abi, calls)
    finally:
        os.close(ruleset)


def _ruleset(words, calls):
    attributes = b"".join(word.to_bytes(8, "little") for word in words)
    return calls.system(LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)


def _enter(ruleset, abi, calls):
    calls.system(LANDLOCK_RESTRICT_SELF, ruleset, LOG_SAME_EXEC_OFF if abi >= 7 else 0)


def _allow_below(ruleset, path, rights, calls, is_real=False):
    """Allow ``rights`` at ``path``; return False, and do not, if ``is_real`` says that it has no links, and it has.

    Code may have put one there since the daemon has looked.
    """
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return True
    try:
        if is_real and os.readlink(f"/proc/self/fd/{fd}") != path:
            return False
        if not S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = rights.to_bytes(8, "little") + fd.to_bytes(4, "little")
        calls.system(LANDLOCK_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
        return True
    finally:
        os.close(fd)
