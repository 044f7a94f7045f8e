"""What runs attacks inside a context: each in a forked child, with a time limit; a line of JSON tells how it went.

This file's text is sent to a context, whose Python may be any from 3.9 on; nothing of the daemon can be imported there.
The code of an attack sees every name of this file, and ``T``, the targets. It *holds* if it raises OSError or ``Held``;
it has *passed* if it comes to its end.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import struct  # noqa: F401 - for the code of attacks, as the next two
import sys  # noqa: F401
import time  # noqa: F401
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

LIMIT_S = 5
ANSWER_S = 1.0
SAID_CHARS = 300  # at most six bytes of JSON each: a pipe holds them
PIPE_BYTES = 4096
X86, ARM = "x86_64", "aarch64"
MACHINE = os.uname().machine
# System calls that Python has no function for: their numbers on x86-64 and on ARM. From 424 on they are the same.
NUMBERS = {
    name: {X86: x86, ARM: arm}
    for name, x86, arm in (line.split() for line in """
shmget 29 194|shmat 30 196|shmctl 31 195|semget 64 190|semctl 66 191|msgget 68 186|msgrcv 70 188|msgctl 71 187
ptrace 101 117|syslog 103 116|personality 135 92|pivot_root 155 41|adjtimex 159 171|chroot 161 51|acct 163 89
settimeofday 164 170|mount 165 40|umount2 166 39|swapon 167 224|swapoff 168 225|reboot 169 142|sethostname 170 161
setdomainname 171 162|iopl 172 -|ioperm 173 -|init_module 175 105|delete_module 176 106|quotactl 179 60|tkill 200 130
mq_open 240 180|kexec_load 246 104|add_key 248 217|request_key 249 218|keyctl 250 219|ioprio_set 251 30
ioprio_get 252 31|inotify_init1 294 26|inotify_add_watch 254 27|migrate_pages 256 238|unshare 272 97
get_robust_list 274 100|move_pages 279 239|rt_sigqueueinfo 129 138|rt_tgsigqueueinfo 297 240|perf_event_open 298 241
fanotify_init 300 262|prlimit64 302 261|name_to_handle_at 303 264|open_by_handle_at 304 265|setns 308 268
process_vm_readv 310 270|process_vm_writev 311 271|kcmp 312 272|finit_module 313 273|sched_setattr 314 274
sched_getattr 315 275|kexec_file_load 320 294|bpf 321 280|userfaultfd 323 282|tgkill 234 131|clone 56 220
sched_setscheduler 144 119|sched_setaffinity 203 122|sendmmsg 307 269|vhangup 153 58|modify_ldt 154 -
process_madvise 440 440|mq_unlink 241 181|sched_setparam 142 118|fchmodat2 452 452
pidfd_send_signal 424 424|io_uring_setup 425 425|open_tree 428 428|move_mount 429 429|fsopen 430 430|fspick 433 433
pidfd_open 434 434|clone3 435 435|pidfd_getfd 438 438|mount_setattr 442 442|memfd_secret 447 447
""".replace("\n", "|").split("|") if line)
}  # fmt: skip
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
PRCTL = {"get_no_new_privs": 39, "set_no_new_privs": 38, "set_child_subreaper": 36}


T: Any = None  # the targets
WORKER = 0  # this context's own process


class Held(Exception):
    """The attack found nothing that is not its own."""


class Impossible(Exception):
    """This machine has not what the attack is for; so it says nothing about isolation."""


class Targets:
    """What the attack is for: files, processes and servers that were made for it, and a second context's."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def held(why: str) -> NoReturn:
    """End the attack: it did not succeed."""
    raise Held(why)


def impossible(why: str) -> NoReturn:
    """End the attack: it cannot succeed here, whatever isolates."""
    raise Impossible(why)


def call(name: str, *arguments: Any, passes: tuple[int, ...] = ()) -> int:
    """Make a system call; return its result.

    Args:
        passes: Errors that come after the kernel's check of permissions, so that the call was allowed: returns -1.
    """
    number = NUMBERS[name].get(MACHINE, "-")
    if number == "-":
        impossible(f"no {name} on {MACHINE}")
    return raw(int(number), *arguments, passes=passes)


def raw(number: int, *arguments: Any, passes: tuple[int, ...] = ()) -> int:
    """Make the system call ``number``: see ``call``."""
    given = [ctypes.c_long(it) if isinstance(it, int) else it for it in arguments]
    ctypes.set_errno(0)
    result: int = libc.syscall(ctypes.c_long(number), *given)
    if result == -1:
        code = ctypes.get_errno()
        if code in passes:
            return -1
        raise OSError(code, os.strerror(code))
    return result


def prctl(name: str, *arguments: int) -> int:
    """Call prctl(2)."""
    given = [ctypes.c_ulong(it) for it in (*arguments, 0, 0, 0, 0)][:4]
    ctypes.set_errno(0)
    result: int = libc.prctl(PRCTL[name], *given)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def any_of(attempts: Iterable[tuple[object, Callable[[], object]]]) -> str:
    """Make several attempts, named; pass if one of them does, else hold as the first one did."""
    passed, reasons = [], []
    for name, attempt in attempts:
        try:
            attempt()
            passed.append(str(name))
        except (OSError, Held) as error:
            reasons.append(f"{name}: {told(error)}")
    if not passed:
        held("; ".join(reasons[:3]) or "nothing to attack")
    return ", ".join(passed)


def told(error: Exception) -> str:
    """Say in words what stopped an attack."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{errno.errorcode.get(error.errno, error.errno)} {os.strerror(error.errno)}"
    return f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error)


def stranger(process: Sequence[int]) -> int:
    """Return the pid of ``process``, of the targets; hold if this pid is known to be another process here."""
    pid, started = process
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return pid  # hidden, which does not say that it cannot be reached
    if int(fields[19]) != started:
        held(f"process {pid} is another one here")
    return pid


def parent(pid: int) -> int:
    """Return the pid of a process's parent; 0 if it cannot be known."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_family(pid: int) -> bool:
    """Return whether ``pid`` is this context's worker or descends from it."""
    while pid > 1 and pid != WORKER:
        pid = parent(pid)
    return pid == WORKER


def connected(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    """Return a socket that is connected to ``address``."""
    link = socket.socket(family, kind, protocol)
    link.settimeout(ANSWER_S)
    try:
        link.connect(address)
    except BaseException as error:
        link.close()
        if isinstance(error, socket.timeout):
            held("no answer")
        raise
    return link


def answer(link: socket.socket, question: bytes = b"?", size: int = 64) -> bytes:
    """Send ``question``; return the answer. No answer holds."""
    link.settimeout(ANSWER_S)
    try:
        link.send(question)
        found = link.recv(size)
    except TimeoutError:
        held("no answer")
    return found or held("closed without an answer")


def _attempted(code: str) -> tuple[str, str]:
    """Run an attack's code; return its verdict and what it says."""
    try:
        names = dict(globals())
        exec(compile(code, "<attack>", "exec"), names)
        return "passed", str(names.get("found", ""))[:SAID_CHARS]
    except Impossible as error:
        return "impossible", str(error)
    except (OSError, Held) as error:
        return "held", told(error)[:SAID_CHARS]
    except BaseException as error:
        return "broken", f"{type(error).__name__}: {error}"[:SAID_CHARS]


def attempt(code: str) -> tuple[str, str]:
    """Run an attack in a child of its own; return its verdict and what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for number in (signal.SIGALRM, signal.SIGINT, signal.SIGCONT, signal.SIGURG):
                signal.signal(number, signal.SIG_DFL)
            signal.alarm(LIMIT_S)
            child, answer = os.getpid(), json.dumps(_attempted(code))
            if os.getpid() == child:  # and no child of the attack
                os.write(writer, answer.encode())
        finally:
            os._exit(0)
    _, ended = os.waitpid(child, 0)
    os.close(writer)
    os.set_blocking(reader, False)  # children of the attack may still have the other end
    with open(reader, "rb", 0) as pipe:
        said = pipe.read(PIPE_BYTES)
    if said:
        verdict, words = json.loads(said)
        return verdict, words
    if os.WIFSIGNALED(ended):
        name = signal.Signals(os.WTERMSIG(ended)).name
        return ("broken", f"no end after {LIMIT_S} s") if name == "SIGALRM" else ("killed", f"killed by {name}")
    return "broken", "it said nothing"


def run(attacks: Iterable[tuple[str, str]], targets: dict[str, Any]) -> None:
    """Run attacks, pairs of name and code; print a line of JSON for each."""
    global T, WORKER
    T, WORKER = Targets(**targets), os.getpid()
    for name, code in attacks:
        verdict, said = attempt(code)
        print(json.dumps({"name": name, "verdict": verdict, "said": said}), flush=True)
