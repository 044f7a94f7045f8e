"""Variables are pickled one by one, and yet as one."""

from archived import carried, reasons
from worker_driver import DrivenWorker
from worker_modules import told

PICKLING = """
import os
pickling, stored = own("pickling"), own("stored")
pickler = pickling.NamespacePickler(stored.Writer(os.open(os.devnull, os.O_WRONLY)))
"""


def test_a_variable_that_fails_leaves_nothing_behind(worker: DrivenWorker) -> None:
    code = """
shared = {"s": [1, 2]}
bad = [shared["s"], "t" * 50, {1: [2]}, b"x" * (40 << 20), open("/dev/null")]
good = [shared["s"], bad[1], bad[2]]
worse = [good, lambda: None, bad[4]]
last = [good[2], worse[1]]
"""
    then = "it = [good[0] is shared['s'], good[1] == 't' * 50, good[2] is last[0], last[0] == {1: [2]}, last[1]()]"
    saved, _, it = carried(worker, code, then)
    assert (it, list(reasons(saved))) == ([True, True, True, True, None], ["bad", "worse"])


def test_what_is_refused_at_once_never_comes_into_the_memo(worker: DrivenWorker) -> None:
    code = """
class C: pass
holder, near = C(), open(os.devnull)
holder.deep = {"a": [(1, near)]}
far = [[[0] * 300], near]
it = []
for value in (holder, far):
    before = len(pickler.memo.copy())
    try:
        pickler.save("value", value)
    except own("unsaveable").Unsaveable as error:
        it += [error.thing is near, len(pickler.memo.copy()) == before]
"""
    assert told(worker, PICKLING + code) == [True, True, True, True]


def test_objects_that_every_worker_has_are_named_once(worker: DrivenWorker) -> None:
    code = """
only = pickling.only_objects()
names = [name for name, _ in only]
it = [len({id(thing) for _, thing in only}) == len(only), max(map(len, names)) < 256, *names[:2]]
"""
    assert told(worker, PICKLING + code) == [True, True, "__main__:", "__main__:__dict__"]


def test_modules_are_not_searched_for_each_plain_object(worker: DrivenWorker) -> None:
    code = """
import sys, types
class Counting(types.ModuleType):
    looks = 0
    @property
    def __dict__(self):
        Counting.looks += 1
        return {"__spec__": self, "MARK": mark}
mark = object()
sys.modules["counting"] = Counting("counting")
pickler.save("many", [mark, *(object() for _ in range(1000))])
it = [Counting.looks < 100, pickler.marks()[id(mark)][0]]
"""
    assert told(worker, PICKLING + code) == [True, ["counting", "MARK"]]


def test_a_class_that_pickles_to_another_object_is_found(worker: DrivenWorker) -> None:
    code = """
class Lies:
    def __reduce__(self):
        return (lambda: 5), ()
class Own:
    def __reduce__(self):
        return Own, ()
class Base:
    def __new__(cls, *given):
        return object.__new__(Derived if given else cls)
class Derived(Base):
    def __reduce__(self):
        return Base, (1,)
lies, own, derived = Lies(), Own(), Derived()
"""
    saved, loaded, it = carried(worker, code, "it = [type(own) is Own, type(derived) is Derived]")
    reason = "its own pickle gives another object than it was: builtins.int"
    assert (it, reasons(saved), reasons(loaded)) == ([True, True], {}, {"lies": reason})


def test_large_buffers_of_any_object_are_beside_the_pickle(worker: DrivenWorker) -> None:
    code = """
import pickle
class Large:
    def __init__(self, data):
        self.data = data
    def __reduce_ex__(self, protocol):
        return Large, (pickle.PickleBuffer(self.data),)
large, small, fixed = Large(bytearray(b"x" * 10_000)), Large(bytearray(b"y")), Large(b"z" * 10_000)
"""
    then = """
large.data[0] = 65
kinds = [type(it.data).__name__ for it in (large, small)]
it = [*kinds, bytes(large.data[:2]).decode(), memoryview(fixed.data).readonly]
"""
    assert carried(worker, code, then)[2] == ["bytearray", "bytearray", "Ax", True]
