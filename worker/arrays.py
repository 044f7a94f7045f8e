"""numpy's arrays in archives: their data stand beside the pickle, and a view stays a view of the same array."""

import sys
from bisect import bisect_right

from worker.rebuilding import attribute, names_of
from worker.unsaveable import MAPPED, POINTER, SHARED, refuse

_SMALL_BYTES = 4096  # data that stand in the pickle
_OUTSIDE = {
    "mmap.mmap": MAPPED,
    "multiprocessing.shared_memory.SharedMemory": SHARED,
    "_ctypes._CData": POINTER,
}
_BYTES = (bytes, bytearray)
reader = None  # the content of the archive that is being loaded


class Memory:
    """The memory that the pickle has already, so that arrays and tensors that lie in it become views."""

    def __init__(self):
        self._holders, self._order, self._starts = {}, [], []

    def add(self, array, start, size):
        """Note that ``array`` has these bytes. It is kept, so that the place stays its own."""
        if size and start not in self._holders:
            self._holders[start] = array, start + size
            self._order.append(start)

    def holder(self, start, size):
        """Return the array in which these bytes lie, and its address; or None twice."""
        begin = start
        if start not in self._holders:
            if len(self._starts) != len(self._order):
                self._starts = sorted(self._order)
            position = bisect_right(self._starts, start)
            begin = self._starts[position - 1] if position else None
        array, end = self._holders.get(begin, (None, 0))
        return (array, begin) if size and start + size <= end else (None, None)

    def mark(self):
        """Return what ``reset`` takes to forget the arrays that come from now on."""
        return len(self._order)

    def reset(self, mark):
        """Forget the arrays that came after ``mark``."""
        for start in self._order[mark:]:
            del self._holders[start]
        del self._order[mark:]
        self._starts = []


def reducer_of(kind, names):
    """Return the reducer for arrays, if ``kind`` is their class or below it."""
    return reduce_array if "numpy.ndarray" in names else None


def reduce_array(pickler, array):
    """An array, or a view of one."""
    numpy = sys.modules["numpy"]
    kind = type(array)
    if kind is not numpy.ndarray:
        return _subclass(numpy, kind, array)
    dtype = array.dtype
    if type(dtype).__module__ not in ("numpy", "numpy.dtypes") or dtype.char == "T":  # a dtype of another library
        return NotImplemented
    owner, depth = array, 0
    while isinstance(owner.base, numpy.ndarray):
        owner, depth = owner.base, depth + 1
    _check(numpy, owner)
    if dtype.hasobject:
        is_private = depth == 1 and _references(owner) <= _of_private(numpy)
        return NotImplemented if is_private else _objects(array, owner)
    if not array.nbytes:
        return _whole(pickler, array, None)
    address = array.__array_interface__["data"][0]
    if owner is array:
        root = _bytes_below(owner)
        if root is not None:
            return _of_bytes(numpy, array, root)
        holder, begin = pickler.memory.holder(address, array.nbytes)
        if holder is None or holder is array:
            return _whole(pickler, array, address)
        return _view(array, holder, address - begin)
    begin = owner.__array_interface__["data"][0]
    if owner.dtype.hasobject:
        return NotImplemented
    holder, start = pickler.memory.holder(begin, owner.nbytes)
    if type(owner) is not numpy.ndarray:  # an object of a subclass is a view of a plain array: see below
        if holder is None:
            holder, start = owner.view(numpy.ndarray), begin
            pickler.memory.add(holder, begin, owner.nbytes)
        if array is holder:
            return _whole(pickler, array, None)
    elif holder is None:
        if depth == 1 and _references(owner) <= _of_private(numpy) and _bytes_below(owner) is None:
            if array.flags.c_contiguous or array.flags.f_contiguous:
                return _whole(pickler, array, address)
            if owner.nbytes > 2 * array.nbytes:
                return _whole(pickler, array.copy(order="K"), None)
        holder, start = owner, begin
    return _view(array, holder, address - start)


def _references(owner):
    return sys.getrefcount(owner)


def _of_private(numpy):
    """Return what ``_references`` finds for an array that only one view of it keeps alive."""
    array = numpy.zeros(2)[1:]
    owner = array.base
    return _references(owner)


def _check(numpy, owner):
    """Refuse memory that is a file's, or shared with other processes."""
    if isinstance(owner, numpy.memmap):
        refuse(owner, MAPPED)
    base = owner.base
    if type(base) is memoryview:
        base = base.obj
    for name in names_of(type(base)):
        if name in _OUTSIDE:
            refuse(owner, _OUTSIDE[name])


def _bytes_below(owner):
    """Return the bytes or the like to which an array gives access, or None if it is memory of numpy or a library."""
    base = owner.base
    root = base.obj if type(base) is memoryview else base
    return root if type(root) in _BYTES or type(root).__name__ == "array" else None


def _of_bytes(numpy, array, root):
    start = numpy.frombuffer(root, numpy.uint8).__array_interface__["data"][0]
    return made_of_bytes, (root, array.__array_interface__["data"][0] - start, *_layout(array))


def _layout(array):
    return array.dtype, array.shape, array.strides, array.flags.writeable


def _whole(pickler, array, address):
    """An array that has its memory for itself."""
    order = "C" if array.flags.c_contiguous else "F"
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array, order, address = array.copy(order="C"), "C", None
    arguments = array.dtype, array.shape, order, array.flags.writeable
    if address is not None and pickler.notes_memory:
        pickler.memory.add(array, address, array.nbytes)
    if array.nbytes < _SMALL_BYTES:
        return small_array, (array.tobytes(order), *arguments)
    flat = array.reshape(-1, order=order).view("u1")
    return made_array, (pickler.add_array(flat), *arguments)


def _view(array, holder, offset):
    return made_view, (holder, offset, *_layout(array))


def _objects(array, owner):
    """An array of objects: the objects stand in the pickle."""
    if owner is array or owner.dtype != array.dtype or not (owner.flags.c_contiguous or owner.flags.f_contiguous):
        return NotImplemented
    step = array.dtype.itemsize
    offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    if offset % step or any(stride % step for stride in array.strides):
        return NotImplemented
    return object_view, (owner, offset // step, array.shape, array.strides, array.flags.writeable)


def _subclass(numpy, kind, array):
    """An array of a subclass is a plain one, seen as one of the subclass; its attributes are kept."""
    if isinstance(array, numpy.memmap):
        refuse(array, MAPPED)
    is_masked = kind is numpy.ma.MaskedArray if "numpy.ma" in sys.modules else False
    for name in ("__reduce__", "__reduce_ex__", "__setstate__"):
        if not is_masked and getattr(kind, name, None) is not getattr(numpy.ndarray, name):
            return NotImplemented
    variables = getattr(array, "__dict__", None)
    return seen_as, (array.view(numpy.ndarray), kind, dict(variables) if variables else None)


def made_array(index, dtype, shape, order, is_writeable):
    """Return a new array with the data that the archive has at ``index``."""
    array = attribute("numpy", "empty")(shape, dtype, order)
    reader.fill(memoryview(array.reshape(-1, order=order).view("u1")), reader.index["arrays"][index][0])
    if not is_writeable:
        array.flags.writeable = False
    return array


def small_array(data, dtype, shape, order, is_writeable):
    """Return a new array with ``data``."""
    array = attribute("numpy", "ndarray")(shape, dtype, data, 0, None, order).copy("K")
    if not is_writeable:
        array.flags.writeable = False
    return array


def made_view(holder, offset, dtype, shape, strides, is_writeable):
    """Return a view of the memory of ``holder``, from the byte ``offset`` on."""
    order = "C" if holder.flags.c_contiguous else "F"
    memory = holder.reshape(-1, order=order).view("u1")
    is_locked = is_writeable and not memory.flags.writeable and holder.flags.owndata
    if is_locked:
        holder.flags.writeable = True
        memory = holder.reshape(-1, order=order).view("u1")
    array = attribute("numpy", "ndarray")(shape, dtype, memory, offset, strides)
    if is_locked:
        holder.flags.writeable = False
    if array.flags.writeable and not is_writeable:
        array.flags.writeable = False
    return array


def made_of_bytes(root, offset, dtype, shape, strides, is_writeable):
    """Return a view of ``root``, which is bytes or the like."""
    array = attribute("numpy", "ndarray")(shape, dtype, root, offset, strides)
    if array.flags.writeable and not is_writeable:
        array.flags.writeable = False
    return array


def object_view(owner, offset, shape, strides, is_writeable):
    """Return a view of an array of objects."""
    flat = owner.reshape(-1, order="C" if owner.flags.c_contiguous else "F")
    as_strided = attribute("numpy.lib.stride_tricks", "as_strided")
    return as_strided(flat[offset:], shape, strides, writeable=is_writeable)


def seen_as(array, kind, variables):
    """Return ``array`` as one of the subclass ``kind``."""
    found = array.view(kind)
    if variables:
        vars(found).update(variables)
    return found
