"""What a program has set outside of its namespace goes along, as far as it is known."""

import shutil
import sys
from pathlib import Path

from archived import archive, carried, load, reasons
from worker_driver import DrivenWorker


def test_random_numbers_the_directory_and_precision_go_on(worker: DrivenWorker) -> None:
    (worker.cwd / "below").mkdir()
    code = """
import decimal, os, random
random.seed(3)
random.random()
state = random.getstate()
decimal.getcontext().prec = 5
os.chdir("below")
"""
    then = "it = [random.getstate() == state, decimal.getcontext().prec, os.path.basename(os.getcwd())]"
    assert carried(worker, code, then)[2] == [True, 5, "below"]


def test_options_of_libraries_go_on(tmp_path: Path) -> None:
    code = """
import matplotlib, numpy as np, pandas as pd
matplotlib.rcParams["lines.linewidth"] = 7
pd.set_option("display.max_rows", 3)
np.set_printoptions(precision=2)
np.seterr(divide="ignore")
np.random.seed(5)
np.random.rand()
expected = np.random.RandomState(5).rand(2)[1]
"""
    then = """
it = [matplotlib.rcParams["lines.linewidth"], pd.get_option("display.max_rows"), str(np.array([1.2345])),
      np.geterr()["divide"], bool(np.random.rand() == expected)]
"""
    with DrivenWorker(sys.executable, tmp_path) as worker:
        assert carried(worker, code, then)[2] == [7, 3, "[1.23]", "ignore", True]


def test_options_of_a_library_that_nothing_needs_do_not_import_it(tmp_path: Path) -> None:
    with DrivenWorker(sys.executable, tmp_path) as worker:
        code = "import pandas\npandas.set_option('display.max_rows', 3)\ndel pandas\nx = 1"
        assert carried(worker, code, "import sys\nit = 'pandas' in sys.modules")[2] is False


def test_modules_are_found_where_the_program_has_looked_for_them(worker: DrivenWorker) -> None:
    for place, text in (("first", "class Made:\n    pass\n"), ("last", "value = 5\n")):
        (worker.cwd / place).mkdir()
        (worker.cwd / place / f"module_{place}.py").write_text(text)
    code = f"""
import sys
sys.path.insert(0, {str(worker.cwd / "first")!r})
sys.path += [{str(worker.cwd / "last")!r}, {str(worker.cwd / "gone")!r}]
import module_first, module_last
made = module_first.Made()
"""
    then = f"""
paths = [it for it in sys.path if it.startswith({str(worker.cwd)!r} + "/")]
it = [module_last.value, type(made) is module_first.Made, sys.path.index(paths[0]), len(paths)]
"""
    saved, loaded, it = carried(worker, code, then)
    assert (reasons(saved), reasons(loaded), it) == ({}, {}, [5, True, 0, 2])


def test_the_environment_goes_on_only_with_the_context_itself(worker: DrivenWorker) -> None:
    code = r"""
import os
os.environ.update(NEW="n", RAW=os.fsdecode(b"\xff"), PWD="/else")
del os.environ["PATH"]
"""
    then = "import os\nprint([os.environ.get(it) for it in ('NEW', 'RAW', 'PATH')], os.environ['PWD'] == os.getcwd())"
    assert worker.run(code).error is None
    for more, expected in (({"rests": True}, r"['n', '\udcff', None] True"), ({}, "[None, None, '/bin'] True")):
        with DrivenWorker(worker.python, worker.cwd, env={"PATH": "/bin"}) as other:
            archive(worker, worker.cwd / "archive", **more)
            assert load(other, worker.cwd / "archive")["type"] == "loaded"
            assert other.printed(then) == f"{expected}\n"


def test_modules_of_the_directory_are_found_and_a_directory_that_is_gone_is_told(worker: DrivenWorker) -> None:
    for place in (worker.cwd / "below", outside := worker.cwd.parent / f"{worker.cwd.name}-outside"):
        place.mkdir()
        (place / "local_module.py").write_text("class Made:\n    pass\n")
        code = f"import os, sys\nos.chdir({str(place)!r})\nsys.path.insert(0, '')\nimport local_module"
        assert worker.run(f"{code}\nmade = local_module.Made()").error is None
        archive(worker, worker.cwd / "archive", rests=True)
        with DrivenWorker(worker.python, worker.cwd) as other:
            assert reasons(load(other, worker.cwd / "archive")) == {}
            assert other.printed("print(type(made).__module__, os.getcwd())") == f"local_module {place}\n"
        worker.run("os.chdir('/')\ndel made, local_module, sys.modules['local_module']")
    (outside / "local_module.py").unlink()
    worker.run(f"os.chdir({str(outside)!r})")
    archive(worker, worker.cwd / "archive", rests=True)
    shutil.rmtree(outside)
    with DrivenWorker(worker.python, worker.cwd) as other:
        told = reasons(load(other, worker.cwd / "archive"))
        assert told == {"os.getcwd()": f"{outside}: No such file or directory"}
