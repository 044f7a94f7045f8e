"""The worker does everything that a plain Python does at its start. Child processes are plain Pythons."""

import subprocess
from pathlib import Path

import pytest
from plain import SEEN, plain
from worker_driver import DrivenWorker, clean_environment, find_pythons


class TestProcesses:
    def test_fork_with_functions_of_earlier_executions(self, worker: DrivenWorker) -> None:
        worker.printed("import multiprocessing as mp\nfork = mp.get_context('fork')\ndef square(x): return x * x\n")
        code = "with fork.Pool(2) as pool: print(pool.map(square, range(5)))"
        ran = worker.run(code)
        assert (ran.error, ran.stdout) == (None, "[0, 1, 4, 9, 16]\n")
        code = (
            "queue = fork.SimpleQueue()\ndef put(): queue.put(square(7))\np = fork.Process(target=put)\n"
            "p.start(); print(queue.get()); p.join(); print(p.exitcode)"
        )
        assert worker.run(code).stdout == "49\n0\n"

    @pytest.mark.parametrize("method", ["spawn", "forkserver"])
    def test_importable_functions(self, worker: DrivenWorker, tmp_path: Path, method: str) -> None:
        (tmp_path / "mine.py").write_text(
            "import sys\ndef square(x): return x * x\ndef flags(): return sys.flags.isolated\n"
        )
        code = (
            f"import multiprocessing as mp, mine\ncontext = mp.get_context({method!r})\n"
            "with context.Pool(1) as pool: print(pool.map(mine.square, range(3)), pool.apply(mine.flags))\n"
        )
        ran = worker.run(code)
        assert (ran.error, ran.stdout, ran.stderr) == (None, "[0, 1, 4] 0\n", "")

    def test_futures(self, worker: DrivenWorker) -> None:
        code = (
            "import concurrent.futures as cf, multiprocessing as mp\ndef f(x): return x + 1\n"
            "with cf.ProcessPoolExecutor(1, mp_context=mp.get_context('fork')) as pool:\n"
            "    print(list(pool.map(f, [1, 2])))\n"
        )
        assert worker.run(code).stdout == "[2, 3]\n"

    def test_a_child_python_is_a_plain_one(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "mine.py").write_text("x = 1")
        code = (
            "import subprocess, sys, os\nos.environ['PYTHONPATH'] = 'library'\n"
            "flags = subprocess._args_from_interpreter_flags()\n"
            "subprocess.run([sys.executable, *flags, '-c', 'import mine, site; print(mine.x)'])"
        )
        assert worker.printed(code) == "1\n"


class TestStart:
    def test_pythonpath(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "mine.py").write_text("x = 'from the path'")
        (tmp_path / "library" / "sitecustomize.py").write_text("import builtins; builtins.customized = True")
        with DrivenWorker(worker.python, tmp_path, {"PYTHONPATH": str(tmp_path / "library")}) as other:
            assert other.printed("import mine; print(mine.x, customized)") == "from the path True\n"

    def test_user_site(self, worker: DrivenWorker, tmp_path: Path) -> None:
        env = {"PYTHONUSERBASE": str(tmp_path)}
        where = subprocess.run(
            [worker.python, "-m", "site", "--user-site"],
            capture_output=True,
            text=True,
            check=False,  # the exit status only says whether the directory exists
            env=clean_environment() | env,
        ).stdout.strip()
        Path(where).mkdir(parents=True)
        Path(where, "mine.py").write_text("x = 'of the user'")
        Path(where, "mine.pth").write_text("import builtins; builtins.from_pth = True\n")
        code = "try:\n    import mine; print(mine.x, from_pth)\nexcept ImportError:\n    print('none')\n"
        theirs = plain(worker, code, env)
        assert theirs in ("of the user True\n", "none\n")  # a virtual environment has no user site
        with DrivenWorker(worker.python, tmp_path, env) as other:
            assert other.printed(code) == theirs

    def test_a_broken_pth_file_does_no_harm(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "sitecustomize.py").write_text("raise RuntimeError('broken')")
        with DrivenWorker(worker.python, tmp_path, {"PYTHONPATH": str(tmp_path)}) as other:
            assert other.run("print(1)").stdout == "1\n"

    @pytest.mark.parametrize("version", find_pythons())
    def test_virtual_environment(self, version: str, tmp_path: Path) -> None:
        subprocess.run([find_pythons()[version], "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
        (site_packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
        (site_packages / "mine.py").write_text("x = 'of the environment'")
        with DrivenWorker(str(tmp_path / "venv" / "bin" / "python"), tmp_path) as worker:
            assert worker.printed("import mine; print(mine.x)") == "of the environment\n"
            assert worker.printed("import sys; print(sys.prefix, sys.prefix != sys.base_prefix)") == (
                f"{tmp_path}/venv True\n"
            )
            code = "import subprocess; subprocess.run([sys.executable, '-c', 'import mine; print(mine.x)'])"
            assert worker.printed(code) == "of the environment\n"
            ours, theirs = worker.printed(SEEN), plain(worker, SEEN, {})
            assert ours.splitlines() == theirs.splitlines()
