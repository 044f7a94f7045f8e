"""The program of the deny list, run here by an interpreter of its instructions."""

import base64
import errno
import struct

import pytest

from interpreterd.workers.isolation.seccomp import OWN_PID, CallRules, program, program_of_copies
from interpreterd.workers.isolation.syscalls import AUDIT_ARCH, number_of

ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000


def judge(text: str, machine: str, number: int, *arguments: int) -> int:
    """Return what the program decides about one call."""
    instructions = list(struct.iter_unpack("=HBBI", base64.b64decode(text)))
    filled = (*arguments, *[0] * 6)[:6]
    data = struct.pack("=IIQ6Q", number, AUDIT_ARCH[machine], 0, *(it & (1 << 64) - 1 for it in filled))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x06:
                return int(value)
            case _:
                holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: accumulator & value}[code]
                at += if_true if holds else if_false


def verdict(name: str, *arguments: int, rules: CallRules | None = None, machine: str = "x86_64") -> int | str:
    """Return ``allowed``, ``asked``, or the number of the error."""
    number = number_of(name, machine)
    assert number is not None
    decided = judge(program(rules or CallRules(), machine), machine, number, *arguments)
    return {ALLOW: "allowed", NOTIFY: "asked"}.get(decided, decided & 0xFFFF)


@pytest.mark.parametrize("machine", AUDIT_ARCH)
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("mount",), errno.EPERM),
        (("bpf",), errno.EPERM),
        (("reboot",), errno.EPERM),
        (("io_uring_setup",), errno.ENOSYS),
        (("shmget",), errno.ENOSYS),
        (("clone3",), errno.ENOSYS),
        (("clone", 17), "allowed"),  # SIGCHLD: fork(2)
        (("clone", 0x3D0F00), "allowed"),  # a thread
        (("clone", 0x10000011), errno.EPERM),  # CLONE_NEWUSER
        (("clone", 0x8011), errno.EPERM),  # CLONE_PARENT
        (("unshare", 0x400), "allowed"),  # CLONE_FILES
        (("unshare", 0x20000), errno.EPERM),
        (("unshare", 0x80), errno.EPERM),  # CLONE_NEWTIME
        (("prlimit64", 0), "allowed"),
        (("prlimit64", OWN_PID), "allowed"),
        (("prlimit64", 1), errno.EPERM),
        (("setpriority", 0, 0), "allowed"),
        (("setpriority", 0, 7), errno.EPERM),
        (("setpriority", 2, 0), errno.EPERM),  # all of a user's
        (("ioprio_set", 1, 0), "allowed"),
        (("ioprio_set", 3, 0), errno.EPERM),
        (("fchmodat", -100, 0, 0o755), "allowed"),
        (("fchmodat", -100, 0, 0o4755), errno.EPERM),
        (("openat", -100, 0, 0, 0o4000), "allowed"),  # the mode counts for new files only
        (("openat", -100, 0, 0o101, 0o644), "allowed"),
        (("openat", -100, 0, 0o101, 0o4644), errno.EPERM),
        (("openat", -100, 0, 0o20200002, 0o4644), errno.EPERM),  # O_TMPFILE
        (("personality", 0xFFFFFFFF), "allowed"),
        (("personality", 0x0400000), errno.EPERM),  # READ_IMPLIES_EXEC
        (("ioctl", 0, 0x5413), "allowed"),  # TIOCGWINSZ
        (("ioctl", 0, 0x5412), errno.EPERM),  # TIOCSTI
        (("ioctl", 0, 0x100005412), errno.EPERM),  # the kernel looks at the lower half
        (("setsockopt", 3, 6, 1), "allowed"),  # TCP_NODELAY
        (("setsockopt", 3, 6, 31), errno.ENOENT),  # TCP_ULP
        (("setsockopt", 3, 1, 31), "allowed"),  # of SOL_SOCKET
        (("prctl", 36, 1), "allowed"),
        (("prctl", 36, 0), errno.EPERM),
        (("prctl", 15, 0), "allowed"),
        (("sendto", 3, 0, 0, 0x40), "allowed"),
        (("sendto", 3, 0, 0, 0x20000000), errno.EPERM),  # MSG_FASTOPEN
        (("sendmsg", 3, 0, 0x20000040), errno.EPERM),
        (("sendmmsg", 3, 0, 1, 0x20000000), errno.EPERM),
        (("socket", 1, 1, 0), "allowed"),
        (("socket", 2, 1, 0), "allowed"),
        (("socket", 2, 0o2000001, 6), "allowed"),  # SOCK_CLOEXEC
        (("socket", 10, 2, 17), "allowed"),
        (("socket", 2, 1, 262), errno.EPROTONOSUPPORT),  # MPTCP
        (("socket", 2, 1, 132), errno.EPROTONOSUPPORT),  # SCTP
        (("socket", 2, 3, 0), errno.EPERM),  # SOCK_RAW
        (("socket", 16, 3, 0), "allowed"),  # NETLINK_ROUTE
        (("socket", 16, 3, 15), errno.EPERM),
        (("socket", 17, 3, 0), errno.EAFNOSUPPORT),  # AF_PACKET
        (("socket", 40, 1, 0), errno.EAFNOSUPPORT),  # AF_VSOCK
        (("socketpair", 1, 1, 0), "allowed"),
        (("socketpair", 2, 1, 0), errno.EAFNOSUPPORT),
        (("connect", 3), "allowed"),
    ],
)
def test_a_call_is_judged(call: tuple[str, *tuple[int, ...]], expected: int | str, machine: str) -> None:
    assert verdict(*call, machine=machine) == expected


def test_rules_of_a_context() -> None:
    closed = CallRules(sockets=False, unix_sockets=False)
    assert verdict("socket", 1, 1, 0, rules=closed) == errno.EAFNOSUPPORT
    assert verdict("socket", 2, 1, 0, rules=closed) == errno.EAFNOSUPPORT
    assert verdict("socketpair", 1, 1, 0, rules=closed) == "allowed"
    assert verdict("connect", 3, rules=CallRules(asks_connect=True)) == "asked"
    assert verdict("prlimit64", 77, rules=CallRules(other_processes=True)) == "allowed"
    assert verdict("prctl", 36, 0, rules=CallRules(may_leave=None)) == "asked"
    assert verdict("prctl", 36, 1, rules=CallRules(may_leave=None)) == "allowed"
    assert verdict("prctl", 36, 0, rules=CallRules(may_leave=True)) == "allowed"


@pytest.mark.parametrize("machine", AUDIT_ARCH)
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("prlimit64", 0), ALLOW),
        (("prlimit64", 77), errno.EPERM),
        (("sched_setaffinity", 77), errno.EPERM),
        (("setpriority", 0, 0), ALLOW),
        (("setpriority", 0, 77), errno.EPERM),
        (("ioprio_set", 1, 77), errno.EPERM),
        (("mount",), ALLOW),  # the first program judges it
    ],
)
def test_a_copy_names_no_process(call: tuple[str, *tuple[int, ...]], expected: int, machine: str) -> None:
    name, *arguments = call
    decided = judge(program_of_copies(machine), machine, number_of(name, machine) or 0, *arguments)
    assert decided in (expected, 0x00050000 | expected)


def test_calls_of_other_architectures_are_unknown() -> None:
    text = program(CallRules(), "x86_64")
    assert judge(text, "aarch64", 0) & 0xFFFF == errno.ENOSYS
    assert judge(text, "x86_64", 0x40000000 | 41) & 0xFFFF == errno.ENOSYS  # x32
    assert judge(text, "x86_64", 0) == ALLOW
