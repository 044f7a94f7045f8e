"""If something cannot be made, only what needs it is missing."""

from pathlib import Path

from archived import archive, load, reasons
from worker_driver import DrivenWorker

CODE = """
import away, here
from away import Thing, helper, N
class Below(Thing):
    pass
class Own:
    pass
class Fails:
    def __setstate__(self, state):
        if "fails" in globals():
            raise ValueError("not here")
    def __getstate__(self):
        return 1
def uses():
    return helper()
plain = [1, {"a": (2, 3)}]
shared = [plain, "x"]
thing = Thing()
things = {"deep": [(thing, 1)]}
cycle = [plain]
cycle.append({"cycle": cycle, "thing": thing})
below = Below()
holder = Own()
holder.thing = thing
other = Own()
other.plain = plain
closure = (lambda it: lambda: it)(thing)
near = here.Near()
fails = Fails()
after = [fails, 1]
number = N
text = f"{N}"
"""


def test_what_needs_a_missing_module_is_named_and_all_else_is_whole(worker: DrivenWorker, tmp_path: Path) -> None:
    Path(tmp_path, "away.py").write_text("class Thing: pass\ndef helper(): pass\nN = 5\n")
    Path(tmp_path, "here.py").write_text("class Near: pass\n")
    worker.printed(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{CODE}")
    assert reasons(archive(worker, tmp_path / "archive")) == {}
    Path(tmp_path, "away.py").unlink()
    with DrivenWorker(worker.python, tmp_path, {"PYTHONDONTWRITEBYTECODE": "1"}) as other:
        other.printed(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfails = True")
        told = load(other, tmp_path / "archive")
        away = "it needs the module away, which is not there"
        missing = ["away", "Thing", "helper", "Below", "thing", "things", "cycle", "below", "holder", "closure"]
        failed = {"fails": "ValueError: not here", "after": "ValueError: not here"}
        assert reasons(told) == dict.fromkeys(missing, away) | failed
        checks = "shared[0] is plain, other.plain is plain, near.__class__ is here.Near, number, text, uses.__name__"
        assert other.printed(f"print({checks})") == "True True True 5 5 uses\n"
        assert "uses" in told["restored"]
