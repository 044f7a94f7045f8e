"""The program in an archive: functions, classes and modules."""

from archived import carried, reasons
from worker_driver import DrivenWorker


def test_a_restored_function_sees_what_is_defined_later(worker: DrivenWorker) -> None:
    code = """
def helper():
    return "old"
def uses():
    return helper()
class Uses:
    def it(self):
        return helper(), __class__.__name__
"""
    then = """
before = uses(), Uses().it()
def helper():
    return "new"
it = [before, uses(), Uses().it(), uses.__globals__ is globals()]
"""
    assert carried(worker, code, then)[2] == [["old", ["old", "Uses"]], "new", ["new", "Uses"], True]


def test_a_function_whose_helper_is_not_saved_is_saved(worker: DrivenWorker) -> None:
    code = "file = open('/dev/null')\ndef reads():\n    return file.read()\n"
    then = "try:\n    reads()\nexcept NameError as error:\n    it = str(error)"
    saved, _, it = carried(worker, code, then)
    assert (it, list(reasons(saved))) == ("name 'file' is not defined", ["file"])


def test_closures_of_modules_keep_the_variables_of_their_module(worker: DrivenWorker) -> None:
    (worker.cwd / "counting.py").write_text(
        "count = 0\ndef counted(f):\n    def inner():\n        global count\n        count += 1\n        return f()\n"
        "    return inner\nNOTHING = object()\nclass Mark: pass\nMARK = Mark()\n"
    )
    code = """
import counting
@counting.counted
def f():
    return counting.count
nothing, mark, pair = counting.NOTHING, counting.MARK, (counting.NOTHING, 1)
"""
    then = """
it = [f(), f(), counting.count, nothing is counting.NOTHING, mark is counting.MARK, pair[0] is nothing]
"""
    assert carried(worker, code, then)[2] == [1, 2, 2, True, True, True]


def test_classes_that_need_each_other_come_back(worker: DrivenWorker) -> None:
    code = """
class Node:
    made = []
    def __init__(self, up=None):
        self.up, self.below = up, []
        Node.made.append(self)
        if up:
            up.below.append(self)
    def leaf(self):
        return Leaf(self)
class Leaf(Node):
    parent = Node
    def root(self):
        return self.up.root() if isinstance(self.up, Leaf) else self.up
Node.child = Leaf
tree = Node()
leaf = tree.leaf().leaf()
"""
    then = """
it = [leaf.root() is tree, Node.child is Leaf, Leaf.parent is Node, Node.made[2] is leaf, leaf.up.below == [leaf]]
"""
    assert carried(worker, code, then)[2] == [True] * 5


def test_classes_of_c_code_are_names_or_are_refused(worker: DrivenWorker) -> None:
    code = (
        "import types\nkinds = [type(iter([])), type(len), types.GenericAlias, type(None), type(type(None).__dict__)]\n"
    )
    names = ["list_iterator", "builtin_function_or_method", "GenericAlias", "NoneType", "mappingproxy"]
    saved, _, it = carried(worker, code, "it = [kind.__name__ for kind in globals().get('kinds', [])]")
    assert it == names or reasons(saved)["kinds"].endswith("it is a class of C code that no module has")
