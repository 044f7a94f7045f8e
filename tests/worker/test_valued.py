"""Only classes that would fail when an archive is loaded have forms of their own."""

from worker_driver import DrivenWorker
from worker_modules import told


def test_a_class_that_pickles_well_is_left_alone(worker: DrivenWorker) -> None:
    code = """
class Plain(str): pass
class Asks(str):
    def __new__(cls, a, b): return super().__new__(cls, a)
class Tells(Asks):
    def __getnewargs__(self): return "a", "b"
class Own(Asks):
    def __reduce__(self): return Own, ("a", "b")
class Error(Exception):
    def __init__(self, a, b): pass
class Other(OSError): pass
reducer_of_value = own("valued").reducer_of_value
it = [reducer_of_value(kind) is not None for kind in (Plain, Asks, Tells, Own, Error, Other, int, object)]
"""
    assert told(worker, code) == [False, True, False, False, True, False, False, False]
