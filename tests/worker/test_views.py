"""What shows another object goes on showing the same one."""

from archived import carried, reasons
from worker_driver import DrivenWorker


def test_views_follow_what_they_show(worker: DrivenWorker) -> None:
    code = """
import array, types, weakref
data, numbers = bytearray(b"0123456789"), array.array("i", [1, 2, 3])
part, whole = memoryview(data)[2:4], memoryview(numbers)
views = memoryview(data), part, part.toreadonly(), whole, whole[1:]
square = memoryview(data)[:4].cast("B", (2, 2))
keys, values = vars(types.SimpleNamespace(a=1)).keys(), {}.values()
class C:
    pass
variables, here = vars(C), C()
reference = weakref.ref(here)
gone = weakref.ref(C())
"""
    then = """
data[2], numbers[1] = 65, 77
C.new = 5
it = [[v[k] for v, k in zip(views, (2, 0, 0, 1, 0))], [v.readonly for v in views], square.tolist(), list(keys),
      variables["new"], reference() is here, gone()]
"""
    assert carried(worker, code, then)[2] == [
        [65, 65, 65, 77, 77],
        [False, False, True, False, False],
        [[48, 49], [65, 51]],
        ["a"],
        5,
        True,
        None,
    ]


def test_views_that_cannot_be_made_again_are_named(worker: DrivenWorker) -> None:
    code = """
import weakref
class C:
    pass
here, data = C(), bytearray(10)
strides, released, called = memoryview(data)[::2], memoryview(data), weakref.ref(here, print)
released.release()
"""
    saved, _, _ = carried(worker, code, "it = None")
    assert reasons(saved) == {
        "strides": "it is a view of some bytes of an object: make it again",
        "released": "it is a memoryview that has been released",
        "called": "it is a weak reference that calls a function at the end: make it again",
    }
