"""What makes objects while an archive is loaded."""

from archived import carried
from worker_driver import DrivenWorker
from worker_modules import told


def test_classes_are_made_without_calling_what_made_them_before(worker: DrivenWorker) -> None:
    code = """
calls = []
class Meta(type):
    def __new__(m, *given):
        calls.append("new")
        return super().__new__(m, *given)
    def __init__(cls, *given):
        calls.append("init")
    def __setattr__(cls, name, value):
        calls.append("set " + name)
        super().__setattr__(name, value)
    def __call__(cls, *given):
        calls.append("call")
        return super().__call__(*given)
class Base(metaclass=Meta):
    def __init_subclass__(cls):
        calls.append("below")
class Below(Base):
    pass
Below.x = 1
x = Below()
"""
    then = """
before = calls[:]
class Another(Base):
    pass
Another()
it = [before, calls[len(before):]]
"""
    assert carried(worker, code, then)[2] == [
        ["new", "init", "new", "below", "init", "set x", "call"],
        ["new", "below", "init", "call"],
    ]


def test_a_library_may_want_arguments_when_a_class_is_made_below_its_own(worker: DrivenWorker) -> None:
    (worker.cwd / "strict.py").write_text(
        "class Base:\n    def __init_subclass__(cls, /, tag, **more):\n        cls.tag = tag\n"
    )
    code = """
import strict
class Below(strict.Base, tag='t'):
    def f(self):
        return super().__hash__() is not None
x = Below()
"""
    assert carried(worker, code, "it = [x.tag, x.f(), Below.__mro__[1] is strict.Base, len(Below.__mro__)]")[2] == [
        "t",
        True,
        True,
        3,
    ]


def test_a_metaclass_is_of_python_or_not(worker: DrivenWorker) -> None:
    code = """
import abc, ctypes, enum
of_python = own("rebuilding").is_of_python
it = [of_python(kind) for kind in (type, abc.ABCMeta, enum.EnumMeta, type(ctypes.Structure))]
"""
    assert told(worker, code) == [True, True, True, False]
