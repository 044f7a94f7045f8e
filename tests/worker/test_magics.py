"""What the magics do."""

import pytest
from worker_driver import DrivenWorker


def test_the_directory_is_changed_for_good(worker: DrivenWorker) -> None:
    (worker.cwd / "sub dir").mkdir()
    inside = str(worker.cwd / "sub dir")
    assert worker.printed("%cd 'sub dir'") == f"{inside}\n"
    assert worker.printed("import os; print(os.getcwd(), os.environ['PWD'])\n!pwd") == f"{inside} {inside}\n{inside}\n"
    assert worker.printed("%cd -q -\nprint(os.getcwd())") == f"{worker.cwd}\n"
    assert worker.printed("%cd ~\nprint(os.getcwd() == os.path.expanduser('~'))").endswith("True\n")


def test_the_environment_is_changed(worker: DrivenWorker) -> None:
    assert worker.printed("%env COLOUR=red\n!echo $COLOUR\nx = %env COLOUR\nprint(x)") == "env: COLOUR=red\nred\nred\n"
    assert worker.printed("%env COLOUR blue\ny = %env\nprint(y['COLOUR'])") == "env: COLOUR=blue\nblue\n"
    assert worker.printed("hue = 'green'\n%set_env COLOUR {hue}") == "env: COLOUR=green\n"


def test_time_is_printed(worker: DrivenWorker) -> None:
    for code in ("%time 1 + 1", "%time x = 6; y = 7", "%time for i in range(2): pass", "%time await sleep(0)"):
        worker.printed("from asyncio import sleep")
        first, second = worker.printed(code).splitlines()
        assert first.startswith("CPU times: user ")
        assert second.startswith("Wall time: ")
    assert worker.printed("z = %time x * y\nprint(z, i)").endswith("\n42 1\n")


def test_files_are_written(worker: DrivenWorker) -> None:
    assert worker.printed("%%writefile m.py\nv = 8\n\nw = '%x'") == "Writing m.py\n"
    assert worker.printed("%%writefile -a m.py\nu = 9\n") == "Appending to m.py\n"
    assert (worker.cwd / "m.py").read_text() == "v = 8\n\nw = '%x'\nu = 9\n"
    assert worker.printed("%%writefile m.py\nv = 1") == "Overwriting m.py\n"
    assert worker.printed("%run m.py\nprint(v)\n%cat m.py") == "1\nv = 1\n"


def test_scripts_run(worker: DrivenWorker) -> None:
    assert worker.printed("%%bash\nx=2\necho $((x + 1))") == "3\n"
    assert worker.printed("%%sh --out out --err err\necho o; echo e >&2") == ""
    assert worker.printed("print(repr(out))").startswith("'o\\n")
    assert worker.printed("%%script cat\na\nb") == "a\nb\n"
    assert worker.printed("%%sh --no-raise-error\nexit 3\n") == ""
    assert worker.printed("print(_exit_code)") == "3\n"
    error = worker.run("%%bash\nexit 4").error
    assert error is not None
    assert (error["name"], "status 4" in error["value"]) == ("CalledProcessError", True)


def test_names_are_listed_and_forgotten(worker: DrivenWorker) -> None:
    worker.printed("x, text = 1, 'a'")
    assert worker.printed("%who") == "text\tx\n"
    assert worker.printed("%who int") == "x\n"
    assert worker.printed("%whos").splitlines()[2].split() == ["x", "int", "1"]
    assert worker.printed("%reset -f\n%who") == "The namespace is empty.\n"


@pytest.mark.parametrize(
    "code",
    [
        "%matplotlib inline",
        "%load_ext autoreload",
        "%config A.b = 'c'",
        "%config InlineBackend.figure_format = 'svg'",
        "%xmode Plain",
    ],
)
def test_settings_of_notebooks_are_accepted(worker: DrivenWorker, code: str) -> None:
    assert worker.printed(code) == ""


def test_what_has_no_effect_says_so(worker: DrivenWorker) -> None:
    ran = worker.run("%autoreload 2\nprint(1)")
    assert (ran.stdout, ran.error) == ("1\n", None)
    assert "importlib.reload" in ran.stderr
    error = worker.run("%load_ext rpy2.ipython").error
    assert error is not None
    assert error["value"] == "extensions of IPython are not supported: rpy2.ipython"
