"""The variables of a namespace: bounded, and safe from what user code has made of its classes."""

from typing import Any

import pytest
from worker_driver import DrivenWorker
from worker_looks import look, start_look


def listed(worker: DrivenWorker) -> dict[str, dict[str, Any]]:
    found = look(worker, "variables")
    return {it["name"]: it for it in found["variables"]}


def test_names_with_type_kind_and_repr(worker: DrivenWorker) -> None:
    worker.run("import os\nx = 1\ntext = 'é'\nclass A: pass\ndef f(): pass\n_ = 5\n__hidden__ = 1\n_own = None")
    found = listed(worker)
    assert {name: (it["type"], it["kind"]) for name, it in found.items()} == {
        "os": ("module", "module"),
        "x": ("int", "value"),
        "text": ("str", "value"),
        "A": ("type", "class"),
        "f": ("function", "function"),
        "_own": ("NoneType", "value"),
    }
    assert (found["x"]["repr"], found["text"]["repr"], found["text"]["length"]) == ("1", "'é'", 1)
    assert found["x"]["size"] == int(worker.printed("import sys; print(sys.getsizeof(x))"))


def test_reprs_are_short(worker: DrivenWorker) -> None:
    worker.run(
        "text = 'x' * 10 ** 6\nitems = list(range(10 ** 6))\nbig = 10 ** 50_000\nd = {n: n for n in range(99)}\n"
        "nested = []\nnested.append(nested)\none = (1,)\nempty = set()"
    )
    found = listed(worker)
    assert all(len(it["repr"]) <= 200 for it in found.values())
    assert found["items"]["repr"] == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"
    assert (found["items"]["length"], found["text"]["length"]) == (10**6, 10**6)
    assert found["big"]["repr"].endswith("bits>")
    assert (found["one"]["repr"], found["empty"]["repr"]) == ("(1,)", "set()")


def test_variables_are_bounded(worker: DrivenWorker) -> None:
    worker.run("globals().update({f'name{n}': n for n in range(100_000)})")
    found = look(worker, "variables")
    assert (len(found["variables"]), found["omitted"]) == (1000, 99_000)
    worker.run("globals().update({'\\x7f' * 9000 + str(n): '\\x01' * 300 for n in range(900)})")
    assert look(worker, "variables")["variables"]


def test_no_property_is_called_and_a_repr_that_raises_is_left_out(worker: DrivenWorker) -> None:
    worker.run(
        "class A:\n  def __getattr__(self, name): print('called')\n"
        "  __class__ = property(lambda self: print('called'))\n"
        "  def __repr__(self): raise SystemExit\n  __len__ = __sizeof__ = __repr__\na = A()\nlast = 1\nitems = [a]"
    )
    found = listed(worker)
    assert (found["a"]["type"], found["a"]["repr"], found["last"]["repr"]) == ("A", None, "1")
    assert worker.output() == []


def test_an_endless_repr_is_interrupted_and_the_others_are_told(worker: DrivenWorker) -> None:
    worker.run(
        "class A:\n  def __repr__(self):\n    print('here', flush=True)\n    while True: pass\na, b, c = A(), A(), 'x'"
    )
    start_look(worker, "variables")
    worker.until("here")
    worker.interrupt()
    message = worker.finish().message
    assert message is not None
    found = {it["name"]: it["repr"] for it in message["found"]["variables"]}
    assert (found["a"], found["b"], found["c"]) == (None, None, "'x'")
    worker.sync()
    assert worker.printed("print(1)") == "1\n"


@pytest.mark.xdist_group("libraries")
def test_arrays_of_numpy_tell_their_shape(library_worker: DrivenWorker) -> None:
    library_worker.printed("import numpy as np\narray = np.zeros((3, 4), 'float32')\nnumber = np.int64(7)")
    array, number = (listed(library_worker)[name] for name in ("array", "number"))
    assert [array[key] for key in ("shape", "dtype", "size", "length")] == [[3, 4], "float32", 48, 3]
    assert (number["shape"], number["dtype"]) == ([], "int64")


def test_arrays_tell_their_shape(worker: DrivenWorker) -> None:
    # Any class of a library of arrays is asked, so a small one does for those that may not be there.
    worker.run(
        "class Array:\n  __module__ = 'numpy'\n  shape, dtype, nbytes = (2, 3), 'int64', 48\n"
        "  def __repr__(self): return 'array'\nx = Array()"
    )
    found = listed(worker)["x"]
    assert (found["shape"], found["dtype"], found["size"], found["length"]) == ([2, 3], "int64", 48, 2)
