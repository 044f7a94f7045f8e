"""The first process of a pid namespace, which lives as long as the namespace: it does nothing, in 20 KB of memory.

When the first process ends, the kernel ends all others; it is the parent of those whose parents have ended. A worker
that were the first could not be copied: its copies would end with it. So a program of some bytes is the first, and the
worker the second. It waits until the worker has moved in, and ends with the daemon. The kernel reaps its children.
"""

import _signal
import os

# poll(2) of fd 3, a pidfd; prctl(PR_SET_PDEATHSIG, SIGKILL); pause(2) again and again
_CODE = {
    "x86_64": (
        "48b80300000001000000"  # mov rax, {fd: 3, events: POLLIN}
        "50"  # push rax
        "4889e7"  # mov rdi, rsp
        "be01000000"  # mov esi, 1
        "baffffffff"  # mov edx, -1
        "b807000000"  # mov eax, poll
        "0f05"  # syscall
        "bf01000000"  # mov edi, PR_SET_PDEATHSIG
        "be09000000"  # mov esi, SIGKILL
        "b89d000000"  # mov eax, prctl
        "0f05"  # syscall
        "b822000000"  # mov eax, pause
        "0f05"  # syscall
        "ebf7"  # jmp to the mov
    )
}
_MACHINES = {"x86_64": 62}  # <elf.h>
_AT = 0x400000
_HEADERS_BYTES = 64 + 56


def is_possible():
    """Return whether there is such a program for this machine."""
    return os.uname().machine in _CODE


def start(parent_fd):
    """Start it as the next child of this process; return its pid. ``parent_fd`` is a pidfd of this. Raises OSError."""
    program_fd = os.memfd_create("first", os.MFD_CLOEXEC)
    before = _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # a program inherits what is ignored
    try:
        with open(program_fd, "wb", closefd=False) as file:
            file.write(program(os.uname().machine))
        close = [(os.POSIX_SPAWN_CLOSE, fd) for fd in (0, 1, 2)]
        place = [(os.POSIX_SPAWN_DUP2, parent_fd, 3)]
        path = f"/proc/self/fd/{program_fd}"
        return os.posix_spawn(path, ["first"], {}, file_actions=[*close, *place])
    finally:
        _signal.signal(_signal.SIGCHLD, before)
        os.close(program_fd)


def program(machine):
    """Return the program, an ELF file: elf(5)."""
    code = bytes.fromhex(_CODE[machine])
    size = _HEADERS_BYTES + len(code)

    def words(*pairs):
        return b"".join(value.to_bytes(count, "little") for value, count in pairs)

    header = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header += words((2, 2), (_MACHINES[machine], 2), (1, 4), (_AT + _HEADERS_BYTES, 8), (64, 8), (0, 8), (0, 4))
    header += words((64, 2), (56, 2), (1, 2), (64, 2), (0, 2), (0, 2))
    segment = words((1, 4), (5, 4), (0, 8), (_AT, 8), (_AT, 8), (size, 8), (size, 8), (0x1000, 8))
    return header + segment + code
