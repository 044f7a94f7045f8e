"""The stack as user code sees it: with the cell at its bottom, like the file that ``python`` runs.

``warnings.warn(stacklevel=2)``, ``inspect.stack()``, a debugger's ``up`` walk from frame to frame. Python links a new
frame to the current frame of its thread's state. So if that is set to nothing just before ``exec()``, the cell has no
caller, like a thread's first function. Greenlets do the same.

The place of that variable differs between versions, and no function of Python tells it. So it is used only if the place
is known, and the current frame is found there. Otherwise the worker's frames are visible.
"""

import sys

_PYDLL_FLAGS = 5  # FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI, as in ctypes.PyDLL: Python's lock is kept
_F_FRAME = 24  # offset in a PyFrameObject, from 3.11 on
# Offsets: in PyThreadState, of the current frame, or else of the pointer to a C frame, and there of the current frame.
_PLACES = {(3, 9): (24, None), (3, 10): (24, None), (3, 11): (56, 8), (3, 12): (56, 0), (3, 13): (72, None)}


class Stack:
    """Calls functions without a caller. Only for the thread that has made it."""

    def __init__(self, ctypes, partial):
        """``ctypes`` is its C half, which needs no import; None if there is none."""
        self._partial = partial
        self._address = self._frame = None
        place = _PLACES.get(sys.version_info[:2])
        if place is None or sys.abiflags or sys.maxsize < 1 << 32 or ctypes is None:  # debugging, no lock, 32 bits
            self.call = _call
            return
        offset, self._inner = place

        class Pointer(ctypes._SimpleCData):
            _type_ = "P"

        class Function(ctypes.CFuncPtr):
            _flags_ = _PYDLL_FLAGS
            _restype_ = Pointer

        self._pointer = Pointer
        thread_state = Function(ctypes.dlsym(ctypes.dlopen(None, 0), "PyThreadState_Get"))()
        self._base = self._top = Pointer.from_address(thread_state + offset)
        frame = sys._getframe()
        current = id(frame) if sys.version_info < (3, 11) else Pointer.from_address(id(frame) + _F_FRAME).value
        place = self._base.value
        if self._inner is not None and place is not None:
            place = Pointer.from_address(place + self._inner).value
        if place != current:
            self.call = _call

    def call(self, function, first, *others):
        """Return ``function(first, *others)``, called from C.

        The current frame is put back when the arguments of ``next`` are released. No instruction of Python may come in
        between: a tracer or profiler that user code has left behind would get a frame that does not exist.
        """
        address = self._base.value  # here, as the next value: another function has another one
        if address != self._address and self._inner is not None:
            self._frame = None
            self._top, self._address = self._pointer.from_address(address + self._inner), address
        top = self._top
        frame = top.value
        if frame != self._frame:  # mostly it is the same: the loop of the worker is always equally deep
            self._restorer, self._frame = self._make_restorer(top, frame), frame
        restorer = self._restorer
        others = [*zip(others)]
        top.value = None
        return next(map(function, (first, restorer()), *others))

    def _make_restorer(self, top, frame):
        """Return a class whose objects, when they end, set ``top`` to ``frame``; all of it in C."""
        restore = staticmethod(self._partial(setattr, top, "value", frame))
        return type("restorer", (), {"__slots__": (), "__del__": restore})


def _call(function, first, *others):
    return function(first, *others)
