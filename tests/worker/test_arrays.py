"""numpy's arrays: data beside the pickle, and a view stays a view."""

import sys
from pathlib import Path

import pytest
from archived import carried, reasons
from worker_driver import DrivenWorker

MADE = """
import numpy as np
from numpy.random import rand
a = np.arange(10_000.0)
views = a[::2], a[10:20], a.reshape(100, 100).T, a[::-1], a[::2][::3], a.view("i8"), a[5:6].reshape(()), a[:0]
f = np.asfortranarray(np.arange(12).reshape(3, 4))
f_view = f[:, 1:3]
broad = np.broadcast_to(a[:3], (4, 3))
private = np.arange(10_000)[100:200]
b = bytearray(8)
of_bytes = np.frombuffer(b, "u1")[2:]
locked = np.arange(5)
locked.flags.writeable = False
times = np.array(["2026-01-01"], "M8[D]"), np.array([3], "m8[s]")
texts = np.array(["ab", "c"]), np.array([b"x"]), np.array(["", ""])
records = np.zeros(2000, [("a", "i4"), ("b", "f8")])
field = records["b"]
things = np.array([[1, "x"], [None, a]], object)
row = things[1]
masked = np.ma.array(a, mask=a < 5, copy=False)
matrix = np.matrix([[1, 2]])
rec = np.rec.array([(1, 2.0)], names="x,y")
class Own(np.ndarray):
    pass
own = a[:3].view(Own)
own.unit = "m"
scalar = np.float32(1.5), np.datetime64("2026-01-01"), a.dtype, np.dtype([("a", "i4")])
swapped = np.arange(3, dtype=">i2")
np.random.seed(3)
np.random.rand()
generator = np.random.default_rng(5)
generator.random()
sums = np.add, np.sum, np.linalg.norm, np.vectorize(lambda x: x + 1)
poly = np.polynomial.Polynomial([1, 2])
index = np.s_[1:2, ...]
strings = np.array(["a", "long text"], dtype=np.dtypes.StringDType()) if hasattr(np.dtypes, "StringDType") else None
empty = np.empty((3, 0)), np.zeros(())
"""

CHECKS = """
it = {
    "owners": a.base is None and a.flags.owndata and f.flags.owndata and f.flags.f_contiguous,
    "views": [v.base is a for v in views] == [True] * 7 + [v.base is a for v in views[7:]],
    "values": [v.tolist() for v in views[:3]] == [v.tolist() for v in (a[::2], a[10:20], a.reshape(100, 100).T)],
    "strides": [v.strides for v in views[:5]] == [(16,), (8,), (8, 800), (-8,), (48,)],
    "written through": (a.__setitem__(0, -7.0), views[0][0], views[2][0, 0], views[3][-1], masked.data[0], own[0])[1:]
        == (-7.0,) * 5,
    "f view": f_view.base is not None and np.shares_memory(f_view, f) and f_view.tolist() == f[:, 1:3].tolist(),
    "broadcast": broad.strides == (0, 8) and not broad.flags.writeable and np.shares_memory(broad, a),
    "private": private.tolist() == list(range(100, 200)) and private.base is None,
    "bytes": (b.__setitem__(2, 9), of_bytes[0])[1] == 9,
    "locked": not locked.flags.writeable and locked.tolist() == [0, 1, 2, 3, 4],
    "times": times[0][0] == np.datetime64("2026-01-01") and times[1].dtype == "m8[s]",
    "texts": [t.tolist() for t in texts] == [["ab", "c"], [b"x"], ["", ""]],
    "records": (records["b"].__setitem__(0, 4), field[0])[1] == 4,
    "things": things[1, 1] is a and (row.__setitem__(0, 8), things[1, 0])[1] == 8,
    "masked": type(masked) is np.ma.MaskedArray and masked.mask.sum() == 5 and masked.fill_value == 1e20,
    "matrix": type(matrix) is np.matrix and (matrix * matrix.T)[0, 0] == 5,
    "rec": rec.x[0] == 1 and type(rec) is np.recarray,
    "own": type(own) is Own and own.unit == "m",
    "scalar": scalar[0] == 1.5 and type(scalar[0]) is np.float32 and scalar[2] is a.dtype and scalar[3].names == ("a",),
    "swapped": swapped.dtype == ">i2" and swapped.tolist() == [0, 1, 2],
    "random": rand.__self__ is np.random.mtrand._rand,
    "functions": sums[0] is np.add and sums[1] is np.sum and sums[3]([1]).tolist() == [2],
    "others": poly(2) == 5 and index == (slice(1, 2), ...) and empty[0].shape == (3, 0) and empty[1].shape == (),
    "strings": strings is None or strings.tolist() == ["a", "long text"],
    "numbers": [rand(), generator.random()] == expected,
}
it = [name for name, is_right in it.items() if not is_right]
"""


@pytest.fixture
def library_python(tmp_path: Path) -> DrivenWorker:
    """Return a worker, not yet started, of a Python with libraries."""
    return DrivenWorker(sys.executable, tmp_path)


def test_arrays_are_what_they_were(library_python: DrivenWorker) -> None:
    expected = "\nexpected = [np.random.RandomState(3).rand(2)[1], float(np.random.default_rng(5).random(2)[1])]\n"
    with library_python as worker:
        saved, loaded, wrong = carried(worker, MADE + expected, CHECKS)
    assert (wrong, reasons(saved), reasons(loaded), saved["modules"]) == ([], {}, {}, ["numpy"])


def test_memory_of_files_and_of_others_is_named(library_python: DrivenWorker) -> None:
    code = """
import ctypes, mmap, numpy as np
m = np.memmap("file", "u1", "w+", shape=(10,))
part = np.asarray(m)[2:5]
n = np.frombuffer(mmap.mmap(-1, 10), "u1")
c = np.ctypeslib.as_array((ctypes.c_int * 3)())
fine = np.arange(3)
flat = fine.flat
del mmap
"""
    with library_python as worker:
        saved, _, it = carried(worker, code, "it = fine.tolist()")
    told = reasons(saved)
    assert it == [0, 1, 2]
    assert {name: reason.partition(": ")[0] for name, reason in told.items()} == {
        "m": "it is the content of a file, mapped into memory",
        "part": "it is the content of a file, mapped into memory",
        "n": "it is the content of a file, mapped into memory",
        "c": "it is an address in this process's memory",
        "flat": "it is an iterator over the data of another object",
    }


def test_a_variable_that_fails_takes_nothing_along(library_python: DrivenWorker) -> None:
    code = """
import numpy as np
a = [np.arange(10_000), open("/dev/null")]
b = a[0]
c = b[1:]
"""
    with library_python as worker:
        saved, _, it = carried(worker, code, "it = [b.base is None, c.base is b, int(c[-1])]")
    assert (it, list(reasons(saved))) == ([True, True, 9999], ["a"])
