"""Namespaces of a confined worker, and the part of the file system that it sees: unshare(2), pivot_root(2).

The daemon computes what to do (``workers/isolation/namespaces.py``); this does it, in a process with one thread, before
user code. The C library is called by ``syscalls.py``. Nothing is mounted before the process is in a
mount namespace of its own from which no mount propagates.
"""

import os
import select
import sys
from errno import EACCES, EEXIST, ELOOP, ENOENT, ENOTDIR, ESTALE

from worker.syscalls import libc

KINDS = {  # CLONE_NEW…, clone(2)
    "mount": 0x20000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18  # mount(2)
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTRS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8}  # mount_setattr(2)
AF_INET, SOCK_DGRAM, SOCK_CLOEXEC = 2, 2, 0o2000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # netdevice(7)
PR_GET_PDEATHSIG, SYS_PIDFD_OPEN = 2, 434  # the latter on all architectures
OLD = "/.old"  # where the daemon's root is while the view is made
_EX_SOFTWARE = 70  # <sysexits.h>
_OUT_OF_REACH = (EACCES, ENOENT, ENOTDIR, ELOOP)


def enter(confine, channel, library):
    """Put this worker into the namespaces of ``confine``; with a pid namespace, the process that returns is another.

    Raises OSError, which names the step.
    """
    kernel, kinds = Kernel(), confine["namespaces"]
    if "pid" in kinds:
        # The child makes the others while its parent leaves.
        early = [kind for kind in kinds if kind in ("user", "pid")]
        unshare(kernel, early)
        move(kernel, channel, library, lambda: _settle(kernel, [it for it in kinds if it not in early], confine))
    else:
        _settle(kernel, kinds, confine)


def _settle(kernel, kinds, confine):
    unshare(kernel, kinds)
    if "mount" in kinds:
        show(kernel, confine["view"])


class Kernel:
    """Calls functions of the C library, and tells which step has failed."""

    def __init__(self):
        self._libc = libc()

    def call(self, step, name, *arguments):
        """Return the answer of the function ``name``. Raises OSError, which names ``step``."""
        try:
            return self._libc.call(name, *arguments)
        except OSError as error:
            raise OSError(error.errno, f"{step}: {os.strerror(error.errno)}") from None

    def system(self, step, call, *arguments):
        """Do so with a system call."""
        try:
            return self._libc.system(call, *arguments)
        except OSError as error:
            raise OSError(error.errno, f"{step}: {os.strerror(error.errno)}") from None

    def mount(self, step, source, target, kind, flags, options=None):
        encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
        self.call(step, "mount", *encoded[:3], flags, encoded[3])

    def set_attributes(self, step, path, names):
        """Add attributes to the mount at ``path`` and those below it: mount_setattr(2)."""
        attributes = sum(MOUNT_ATTRS[name] for name in names).to_bytes(8, sys.byteorder) + bytes(24)
        path = os.fsencode(path)
        self.system(step, "mount_setattr", AT_FDCWD, path, AT_RECURSIVE, attributes, len(attributes))


def unshare(kernel, kinds):
    """Put this process into new namespaces of ``kinds``; of the pid namespace, only its next children are a part.

    In a user namespace it is the same user as before, and has all capabilities. Raises OSError.
    """
    user, group = os.geteuid(), os.getegid()
    flags = 0
    for kind in kinds:
        flags |= KINDS[kind]
    kernel.call("unshare " + ",".join(kinds), "unshare", flags)
    if "user" in kinds:
        _write("/proc/self/setgroups", "deny")  # otherwise gid_map is refused: user_namespaces(7)
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    if "mount" in kinds:
        kernel.mount("private mounts", None, "/", None, MS_REC | MS_PRIVATE)
    if "net" in kinds:
        _raise_loopback(kernel)


def move(kernel, channel, library, meanwhile):
    """Return in a child, which is born into the new pid namespace and goes on as the worker; see PROTOCOL.md.

    It is the second process there, if a program of this machine can be the first: see ``anchor.py``. The parent tells
    the daemon, and ends; the child calls ``meanwhile``. Raises OSError, also of ``meanwhile``.
    """
    from worker import anchor, orphans, streams, system
    from worker.first import be_mortal

    dies = bytes(4)  # filled by the kernel
    kernel.call("prctl", "prctl", PR_GET_PDEATHSIG, dies, 0, 0, 0)
    parent_fd = kernel.system("pidfd_open", SYS_PIDFD_OPEN, os.getpid(), 0)
    first = None
    if anchor.is_possible():
        try:
            first = anchor.start(parent_fd)
        except OSError as error:
            raise OSError(error.errno, f"first process: {error.strerror}") from None
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid:
        _hand_over(channel, pid, first, write_fd)
    os.close(write_fd)
    os.setsid()
    system.weigh_session()
    error = None
    try:
        meanwhile()
    except OSError as raised:  # it is told when this process is the worker
        error = raised
    if not os.read(read_fd, 1):
        os._exit(_EX_SOFTWARE)
    poll = select.poll()
    poll.register(parent_fd, select.POLLIN)
    poll.poll()  # a signal for the parent's death would come from the old parent, too
    os.close(parent_fd)
    os.close(read_fd)
    library.become_subreaper()
    if any(dies):
        library.die_with_parent()
    orphans.current.begin()
    streams.current.begin_process()
    if first is None:
        be_mortal()
    if error is not None:
        raise error


def _hand_over(channel, pid, first, write_fd):
    try:
        channel.send({"type": "moved", "pid": pid, **({} if first is None else {"first": first})})
        if channel.receive()["type"] == "leave":
            os.write(write_fd, b"1")
    finally:
        os._exit(0)


def show(kernel, view):
    """Make ``view`` the file system of this process, which is in a new mount namespace; then it is in ``/``.

    ``view`` has a list of ``steps``, each of which is a kind and its arguments:

    * ``dir PATH MODE`` makes a directory, ``link PATH TARGET`` a symbolic link;
    * ``bind PATH ATTRIBUTES`` shows what the daemon has at ``PATH``, with all that is mounted below it; it is skipped
      if that is gone, or if links have come into the path since the daemon has looked;
    * ``mount PATH KIND OPTIONS ATTRIBUTES`` mounts a new file system there;
    * ``cover PATH DEVICE INODE`` makes a directory empty; it must be that one, which code may have moved.

    Raises OSError, which names the step.
    """
    kernel.mount("tmpfs for the view", "tmpfs", view["at"], "tmpfs", MS_NOSUID | MS_NODEV, view["options"])
    os.chdir(view["at"])
    os.mkdir("." + OLD, 0o700)
    kernel.system("pivot_root", "pivot_root", b".", os.fsencode("." + OLD))
    os.chdir("/")
    umask = os.umask(0)
    for kind, path, *arguments in view["steps"]:
        _STEPS[kind](kernel, path, *arguments)
    os.umask(umask)
    kernel.call("umount of the old root", "umount2", os.fsencode(OLD), MNT_DETACH)
    os.rmdir(OLD)


def _directory(kernel, path, mode):
    try:
        os.mkdir(path, mode)
    except OSError as error:
        if error.errno != EEXIST:
            raise OSError(error.errno, f"mkdir {path}: {error.strerror}") from None


def _link(kernel, path, target):
    try:
        os.symlink(target, path)
    except OSError as error:
        if error.errno != EEXIST:
            raise OSError(error.errno, f"symlink {path}: {error.strerror}") from None


def _bind(kernel, path, attributes):
    try:
        fd = os.open(OLD + path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _OUT_OF_REACH:
            return
        raise OSError(error.errno, f"open {path}: {error.strerror}") from None
    try:
        source = f"{OLD}/proc/self/fd/{fd}"
        if path.startswith("/dev/"):  # not code's to change, and a container may have links there
            source = OLD + path
        elif os.readlink(source) != OLD + path:
            return
        _show(kernel, path, source, os.fstat(fd).st_mode & 0o170000 == 0o040000)
        kernel.set_attributes(f"attributes of {path}", path, attributes)
    finally:
        os.close(fd)


def _show(kernel, path, source, is_directory):
    try:
        if is_directory:
            os.mkdir(path, 0o755)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    except FileExistsError:
        pass
    except OSError as error:
        raise OSError(error.errno, f"place for {path}: {error.strerror}") from None
    kernel.mount(f"bind {path}", source, path, None, MS_BIND | MS_REC)


def _mount(kernel, path, kind, options, attributes):
    flags = (MS_NOSUID if "nosuid" in attributes else 0) | (MS_NODEV if "nodev" in attributes else 0)
    flags |= (MS_NOEXEC if "noexec" in attributes else 0) | (MS_RDONLY if "ro" in attributes else 0)
    kernel.mount(f"{kind} on {path}", kind, path, kind, flags, options)


def _cover(kernel, path, device, inode):
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) != (device, inode):
            raise OSError(ESTALE, f"cover of {path}: it is another directory")
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY
        kernel.mount(
            f"cover of {path}", "tmpfs", f"{OLD}/proc/self/fd/{fd}", "tmpfs", flags, "size=4k,nr_inodes=1,mode=555"
        )
    finally:
        os.close(fd)


_STEPS = {"dir": _directory, "link": _link, "bind": _bind, "mount": _mount, "cover": _cover}


def _write(path, text):
    try:
        with open(path, "wb", 0) as file:
            file.write(text.encode())
    except OSError as error:
        raise OSError(error.errno, f"{path}: {error.strerror}") from None


def _raise_loopback(kernel):
    """Let ``lo`` of a new network namespace be up: 127.0.0.1 and ::1."""
    from fcntl import ioctl

    fd = kernel.call("socket", "socket", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    try:
        ioctl(fd, SIOCSIFFLAGS, b"lo".ljust(16, b"\0") + IFF_UP.to_bytes(2, sys.byteorder) + bytes(22))
    except OSError as error:
        raise OSError(error.errno, f"lo: {error.strerror}") from None
    finally:
        os.close(fd)
