"""A namespace comes back, variable by variable."""

from archived import carried, reasons
from worker_driver import DrivenWorker


def test_modules_and_code_come_before_the_objects_that_need_them(worker: DrivenWorker) -> None:
    code = """
class Late:
    def __getstate__(self):
        return {}
    def __setstate__(self, state):
        self.helped = helper(json.dumps([1]))
first = Late()
def helper(text):
    return text * 2
import json
"""
    saved, loaded, it = carried(worker, code, "it = first.helped")
    assert (it, reasons(loaded), saved["saved"]) == ("[1][1]", {}, ["json", "Late", "helper", "first"])


def test_random_numbers_go_on(worker: DrivenWorker) -> None:
    code = "import random\nstate = random.getstate()\nnumber = random.random()\nafter = random.getstate()"
    assert (
        carried(worker, code, "import random\nit = random.getstate() == after and random.random() != number")[2] is True
    )


def test_code_that_fails_at_loading_costs_its_variable(worker: DrivenWorker) -> None:
    code = """
import os
class Here:
    pid = os.getpid()
    def __init__(self, n):
        if os.getpid() != Here.pid:
            raise SystemError("elsewhere")
    def __reduce__(self):
        return Here, (1,)
x, y = Here(1), [1]
"""
    _, loaded, it = carried(worker, code, "it = y")
    assert (it, reasons(loaded)) == ([1], {"x": "SystemError: elsewhere"})
