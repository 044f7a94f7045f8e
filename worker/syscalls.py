"""System calls that Python has no function for, by the C half of ctypes: its Python half costs five milliseconds."""

import os
import sys

_CDECL_WITH_ERRNO = 1 | 8  # FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO, as in ctypes.CDLL(use_errno=True)
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446  # on all architectures
# x86_64, aarch64: syscalls(2)
_NUMBERS = {"seccomp": (317, 277), "pivot_root": (155, 41), "mount_setattr": (442, 442)}


_made = None


def libc():
    """Return the ``Libc`` of this process, or of the template that has forked it. Raises ImportError."""
    global _made
    if _made is None:
        _made = Libc()
    return _made


class Libc:
    """Functions of the C library. Each raises OSError, with the name of the call, if it returns -1.

    Arguments are whole numbers, or bytes, of which the function gets the address. Made when it is needed: ``_ctypes``
    may be missing. Then making it raises ImportError.
    """

    def __init__(self):
        was_there = "_ctypes" in sys.modules
        import _ctypes

        if not was_there:
            del sys.modules["_ctypes"]

        class Long(_ctypes._SimpleCData):
            _type_ = "l"

        class Int(_ctypes._SimpleCData):
            _type_ = "i"

        class Function(_ctypes.CFuncPtr):
            _flags_ = _CDECL_WITH_ERRNO
            _restype_ = Int

        class SystemCall(_ctypes.CFuncPtr):
            _flags_ = _CDECL_WITH_ERRNO
            _restype_ = Long

        self._ctypes, self._long, self._function = _ctypes, Long, Function
        self._library = _ctypes.dlopen(None, 0)
        self._syscall = SystemCall(_ctypes.dlsym(self._library, "syscall"))

    def call(self, name, *arguments):
        """Call the function ``name`` of the C library, which returns an int."""
        return self._checked(self._function(self._ctypes.dlsym(self._library, name)), name, arguments)

    def system(self, call, *arguments):
        """Make a system call, by its number or its name."""
        number = _NUMBERS[call][os.uname().machine == "aarch64"] if isinstance(call, str) else call
        return self._checked(self._syscall, f"system call {call}", (number, *arguments))

    def _checked(self, function, name, arguments):
        self._ctypes.set_errno(0)
        result = function(*[self._long(it) if isinstance(it, int) else it for it in arguments])
        if result == -1:
            number = self._ctypes.get_errno()
            raise OSError(number, f"{os.strerror(number)} ({name})")
        return result

    @staticmethod
    def address_of(data):
        """Return where the bytes of ``data`` are, which the caller keeps alive: CPython's PyBytesObject."""
        return id(data) + bytes.__basicsize__ - 1
