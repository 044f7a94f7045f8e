"""The way from a variable to the object that cannot be saved."""

from pathlib import Path

from archived import archive, reasons
from worker_driver import DrivenWorker

CODE = """
file = open("/dev/null")
class C:
    pass
class Slotted:
    __slots__ = ("own",)
class Bad:
    stream = file
attribute, slot, default, closure = C(), Slotted(), lambda it=[file]: it, (lambda it: lambda: it)({"x": file})
attribute.own = [0, (file,)]
slot.own = file
marked = lambda: 0
marked.note = file
key = {1: {"a" * 100: file}}
again = [again_too := {}]
again_too["up"] = again
again_too["file"] = file
bad = Bad()
large = [[n] for n in range(200_000)] + [file]
method = attribute.__setattr__
"""


def test_the_path_is_told_in_the_words_of_python(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed(CODE)
    told = reasons(archive(worker, tmp_path / "archive"))
    paths = {name: reason.rpartition(": it is an open file")[0] for name, reason in told.items()}
    assert paths == {
        "file": "",
        "attribute": "attribute.own[1][0]",
        "slot": "slot",
        "default": "default (a default)[0]",
        "closure": "closure (its it)['x']",
        "marked": "marked (its note)",
        "key": "key[1]['aaaaaaaaaaaaaaaaaaa\n... [62 characters cut] ...\naaaaaaaaaaaaaaaaaaa']",
        "again": "again[0]['file']",
        "again_too": "again_too['file']",
        "bad": "bad.__class__.stream",
        "Bad": "Bad.stream",
        "large": "large[200000]",
        "method": "method.own[1][0]",
    }
