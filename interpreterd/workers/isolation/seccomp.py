"""The layer of system calls: a deny list for seccomp(2), as a program of classic BPF.

A refused call fails with an error, and its caller goes on: lists that allow, and those that kill, break libraries at
random. What is left is decided by Landlock, by namespaces and by ordinary permissions.
"""

import base64
import errno
import functools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from interpreterd.processes.nursery import PR_SET_CHILD_SUBREAPER
from interpreterd.workers.isolation.syscalls import AUDIT_ARCH, number_of

# <linux/bpf_common.h>, <linux/seccomp.h>
_LOAD, _EQUAL, _GREATER_EQUAL, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_NOTIFY: Final = 0x7FC00000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # struct seccomp_data
_X32: Final = 0x40000000  # of the numbers of the x32 ABI, which x86_64 may have as well

CLONE_PARENT: Final = 0x8000
NAMESPACES: Final = 0x7E020080  # all CLONE_NEW…, <sched.h>, among them CLONE_NEWTIME
SET_ID_BITS: Final = 0o6000
MSG_FASTOPEN: Final = 0x20000000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
TCP_ULP: Final = 31

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_TYPES: Final = 0xF
IPPROTO_TCP, IPPROTO_UDP = 6, 17
CREATING: Final = 0o100 | 0o20000000  # O_CREAT, and what makes O_TMPFILE
OWN_PID: Final = 0x7FFFFFF1  # stands for the worker's own number, which it puts there
PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)  # as in the profiles of containers

# Mounting, namespaces, the kernel itself, its keys and its clocks: nothing that a library needs.
_NEVER: Final = (
    "acct add_key bpf chroot clock_adjtime clock_settime delete_module fanotify_init fanotify_mark finit_module "
    "init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie migrate_pages modify_ldt mount "
    "nfsservctl open_by_handle_at perf_event_open pivot_root process_madvise process_mrelease quotactl quotactl_fd "
    "reboot request_key setdomainname sethostname setns settimeofday swapoff swapon syslog umount2 uselib "
    "userfaultfd vhangup"
)
# Programs take this error for a kernel without the call, and use an older one. clone3 and openat2 keep in memory what
# would have to be checked; memory of memfd_secret can be counted by nobody; channels of System V and of POSIX have
# names that all processes of the machine share.
_MISSING: Final = (
    "clone3 fsconfig fsmount fsopen fspick io_uring_enter io_uring_register io_uring_setup memfd_secret "
    "mount_setattr move_mount mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget "
    "msgrcv msgsnd open_tree open_tree_attr openat2 semctl semget semop semtimedop shmat shmctl shmdt shmget"
)
# By the position of the argument that names a process: 0 and the worker's own are allowed.
_OF_PROCESS: Final = {
    "prlimit64": 0,
    "sched_setaffinity": 0,
    "sched_setattr": 0,
    "sched_setparam": 0,
    "sched_setscheduler": 0,
    "move_pages": 0,
}
# By the position of the mode: set-user-ID and set-group-ID files would outlive their context.
_OF_MODE: Final = {
    "chmod": 1,
    "creat": 1,
    "fchmod": 1,
    "fchmodat": 2,
    "fchmodat2": 2,
    "mknod": 1,
    "mknodat": 2,
}


@frozen(kw_only=True)
class CallRules:
    """What differs between contexts.

    Attributes:
        sockets: Whether sockets of the families IPv4 and IPv6 may be made.
        unix_sockets: Whether unix sockets with a name may be made; pairs always may.
        asks_connect: Whether each connect(2) waits for the daemon's answer; see ``loopback``.
        may_leave: Whether the flag of a subreaper may be cleared, which a worker needs to be copied; None if that waits
            for the daemon's answer.
        other_processes: Whether all processes that the code can name are its own: in a pid namespace.
    """

    sockets: bool = True
    unix_sockets: bool = True
    asks_connect: bool = False
    may_leave: bool | None = False
    other_processes: bool = False


@frozen
class _Step:
    """An instruction; the jumps count the instructions to skip."""

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0


@functools.cache  # there are few rules; it would take half a millisecond for each context
def program(rules: CallRules, machine: str) -> str:
    """Return the program for ``machine``, a key of ``AUDIT_ARCH``, in base64."""
    return _assembled(_blocks(rules), machine)


@functools.cache
def program_of_copies(machine: str) -> str:
    """Return a further program, for a copy of a worker: its own number is not the one that the first program allows.

    That is its original's. Of processes, the calls that name one then take 0 alone, which stands for the caller.
    """
    return _assembled(_naming_none(), machine)


def _assembled(blocks: Iterable[tuple[str, list[_Step]]], machine: str) -> str:
    steps = [
        _Step(_LOAD, _ARCH_AT),
        _Step(_EQUAL, AUDIT_ARCH[machine], 1, 0),
        _Step(_RETURN, _ERRNO | errno.ENOSYS),  # 32-bit programs: their calls have other numbers
        _Step(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [_Step(_GREATER_EQUAL, _X32, 0, 1), _Step(_RETURN, _ERRNO | errno.ENOSYS)]
    for name, block in blocks:
        number = number_of(name, machine)
        if number is not None:
            steps += [_Step(_EQUAL, number, 0, len(block)), *block]
    steps.append(_Step(_RETURN, _ALLOW))
    packed = b"".join(struct.pack("=HBBI", it.code, it.if_true, it.if_false, it.value) for it in steps)
    return base64.b64encode(packed).decode()


def _naming_none() -> Iterator[tuple[str, list[_Step]]]:
    for name, position in _OF_PROCESS.items():
        yield name, _only(position, (0,), errno.EPERM)
    for name in ("setpriority", "ioprio_set"):
        yield name, _only(1, (0,), errno.EPERM)


def _blocks(rules: CallRules) -> Iterator[tuple[str, list[_Step]]]:
    """Yield what happens for each call; each block ends with a decision."""
    for name in _NEVER.split():
        yield name, _refuse(errno.EPERM)
    for name in _MISSING.split():
        yield name, _refuse(errno.ENOSYS)
    yield "unshare", _unless(_any_bit(0, NAMESPACES), errno.EPERM)
    # A process whose parent is the worker's own parent would not be of the worker's family.
    yield "clone", _unless(_any_bit(0, NAMESPACES | CLONE_PARENT), errno.EPERM)
    if not rules.other_processes:
        for name, position in _OF_PROCESS.items():
            yield name, _only(position, (0, OWN_PID), errno.EPERM)
        # A process and a process group, not all processes of a user: setpriority(2), ioprio_set(2)
        yield "setpriority", _both(0, (0, 1), 1, (0, OWN_PID), errno.EPERM)
        yield "ioprio_set", _both(0, (1, 2), 1, (0, OWN_PID), errno.EPERM)
    for name, position in _OF_MODE.items():
        yield name, _unless(_any_bit(position, SET_ID_BITS), errno.EPERM)
    for name, flags in (("open", 1), ("openat", 2)):
        yield name, _if_bit(flags, CREATING, _unless(_any_bit(flags + 1, SET_ID_BITS), errno.EPERM))
    yield "personality", _only(0, PERSONALITIES, errno.EPERM)
    yield "ioctl", [*_one(1, TIOCSTI, errno.EPERM), *_one(1, TIOCLINUX, errno.EPERM), _Step(_RETURN, _ALLOW)]
    # Clearing the flag lets descendants leave the worker's family.
    yield (
        "prctl",
        [
            *_load(0),
            _Step(_EQUAL, PR_SET_CHILD_SUBREAPER, 0, 3),
            *_load(1),
            _Step(_EQUAL, 0, 0, 1),
            _Step(_RETURN, {True: _ALLOW, None: _NOTIFY, False: _ERRNO | errno.EPERM}[rules.may_leave]),
            _Step(_RETURN, _ALLOW),
        ],
    )
    # Landlock looks at connect(2) alone: tcp(7) can open a connection with the first data as well.
    for name, flags in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        yield name, _unless(_any_bit(flags, MSG_FASTOPEN), errno.EPERM)
    # It makes an SMC socket of a TCP one, of which Landlock knows nothing, where the kernel has that loaded.
    refused = _one(2, TCP_ULP, errno.ENOENT)
    yield (
        "setsockopt",
        [*_load(1), _Step(_EQUAL, IPPROTO_TCP, 0, len(refused)), *refused, _Step(_RETURN, _ALLOW)],
    )
    yield "socket", _socket(rules)
    yield "socketpair", _only(0, (AF_UNIX,), errno.EAFNOSUPPORT)
    if rules.asks_connect:
        yield "connect", [_Step(_RETURN, _NOTIFY)]


def _socket(rules: CallRules) -> list[_Step]:
    """Return the block of socket(2): the usual families, and of the internet ones TCP and UDP alone.

    Landlock knows of TCP, and nothing of MPTCP, SCTP and their like; NETLINK_ROUTE says which addresses there are.
    """
    steps: list[_Step] = []
    if rules.unix_sockets:
        steps += [*_load(0), _Step(_EQUAL, AF_UNIX, 0, 1), _Step(_RETURN, _ALLOW)]
    if rules.sockets:
        netlink = [*_load(2), _Step(_EQUAL, 0, 0, 1), _Step(_RETURN, _ALLOW), _Step(_RETURN, _ERRNO | errno.EPERM)]
        steps += [*_load(0), _Step(_EQUAL, AF_NETLINK, 0, len(netlink)), *netlink]
        internet = [
            *_load(2),
            *(_Step(_EQUAL, protocol, skip, 0) for protocol, skip in ((0, 3), (IPPROTO_TCP, 2), (IPPROTO_UDP, 1))),
            _Step(_RETURN, _ERRNO | errno.EPROTONOSUPPORT),
            *_load(1),
            _Step(_AND, SOCK_TYPES),
            _Step(_EQUAL, 1, 1, 0),  # SOCK_STREAM
            _Step(_EQUAL, 2, 0, 1),  # SOCK_DGRAM
            _Step(_RETURN, _ALLOW),
            _Step(_RETURN, _ERRNO | errno.EPERM),
        ]
        for family in (AF_INET, AF_INET6):
            steps += [*_load(0), _Step(_EQUAL, family, 0, len(internet)), *internet]
    steps.append(_Step(_RETURN, _ERRNO | errno.EAFNOSUPPORT))
    return steps


def _load(position: int) -> list[_Step]:
    """The lower half of an argument: all arguments here are int or unsigned int to the kernel."""
    return [_Step(_LOAD, _ARGUMENTS_AT + 8 * position)]  # both machines are little-endian


def _refuse(number: int) -> list[_Step]:
    return [_Step(_RETURN, _ERRNO | number)]


def _any_bit(position: int, bits: int) -> list[_Step]:
    """Skip one instruction unless a bit of ``bits`` is set."""
    return [*_load(position), _Step(_ANY_BIT, bits, 0, 1)]


def _unless(test: Sequence[_Step], number: int) -> list[_Step]:
    return [*test, _Step(_RETURN, _ERRNO | number), _Step(_RETURN, _ALLOW)]


def _if_bit(position: int, bits: int, block: list[_Step]) -> list[_Step]:
    return [*_load(position), _Step(_ANY_BIT, bits, 1, 0), _Step(_RETURN, _ALLOW), *block]


def _one(position: int, value: int, number: int) -> list[_Step]:
    return [*_load(position), _Step(_EQUAL, value, 0, 1), _Step(_RETURN, _ERRNO | number)]


def _among(position: int, values: Iterable[int]) -> list[_Step]:
    """Skip one instruction if the argument is one of ``values``."""
    every = sorted(set(values))
    return [*_load(position), *(_Step(_EQUAL, value, len(every) - at, 0) for at, value in enumerate(every))]


def _only(position: int, values: Iterable[int], number: int) -> list[_Step]:
    return [*_among(position, values), _Step(_RETURN, _ERRNO | number), _Step(_RETURN, _ALLOW)]


def _both(first: int, firsts: Iterable[int], second: int, seconds: Iterable[int], number: int) -> list[_Step]:
    return [*_among(first, firsts), _Step(_RETURN, _ERRNO | number), *_only(second, seconds, number)]
