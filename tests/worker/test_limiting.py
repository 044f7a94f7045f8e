"""Limits that the kernel enforces on a worker and its children."""

import resource
from pathlib import Path

from worker_driver import DrivenWorker

from interpreterd.setting_kinds import LEAST_OPEN_FILES


def configure(worker: DrivenWorker, cwd: Path, **limits: int) -> None:
    worker.send({"type": "configure", "cwd": str(cwd), "envs": {}, "limits": limits})
    assert worker.receive() == {"type": "configured"}


def name_and_value(worker: DrivenWorker, code: str) -> tuple[str, str]:
    error = worker.run(code).error
    assert error is not None
    return error["name"], error["value"]


def test_no_file_may_be_longer(worker: DrivenWorker, tmp_path: Path) -> None:
    configure(worker, tmp_path, file=1 << 16)
    code = "with open({!r}, 'wb') as file: file.write(bytes({}))"
    assert worker.run(code.format("fits", 1 << 16)).error is None
    assert name_and_value(worker, code.format("long", (1 << 16) + 1)) == ("OSError", "[Errno 27] File too large")
    assert (tmp_path / "long").stat().st_size == 1 << 16, "the part that fits is there"
    sparse = "with open('sparse', 'wb') as file: file.truncate(1 << 20)"
    assert name_and_value(worker, sparse) == ("OSError", "[Errno 27] File too large")
    child = f"import subprocess, sys; print(subprocess.run([sys.executable, '-c', {code.format('c', 1 << 17)!r}]))"
    ran = worker.run(child)
    assert "returncode=1" in ran.stdout
    assert "OSError: [Errno 27] File too large" in ran.stderr
    assert worker.run("import os; os.remove('long'); open('more', 'w').write('x')").error is None


def test_a_worker_that_may_not_write_for_now_may_be_let_again(worker: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    configure(worker, tmp_path, file=1 << 16, closed=True)
    write = "open('a', 'wb', 0).write(b'x')"
    assert name_and_value(worker, write) == ("OSError", "[Errno 27] File too large")
    assert worker.printed("import os; print(open('old').read()); os.remove('old')") == "old\n"
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    assert worker.run(write).error is None


def test_a_signal_that_a_module_has_set_free_kills_no_worker(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.run("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)")
    configure(worker, tmp_path, file=0)
    assert name_and_value(worker, "open('a', 'wb', 0).write(b'x')") == ("OSError", "[Errno 27] File too large")


def test_no_process_may_have_more_files_open(worker: DrivenWorker, tmp_path: Path) -> None:
    configure(worker, tmp_path, files=LEAST_OPEN_FILES)
    assert worker.run("import json, decimal, xml.dom.minidom, subprocess, sys, os, socket").error is None
    code = "files = []\nwhile True: files.append(open(os.devnull))"
    assert name_and_value(worker, code)[1] == "[Errno 24] Too many open files: '/dev/null'"
    assert worker.printed("print(len(files)); del files") == f"{LEAST_OPEN_FILES - 3}\n"
    child = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert worker.run(f"subprocess.run([sys.executable, '-c', {child!r}])").stdout == f"{(LEAST_OPEN_FILES,) * 2}\n"
    assert worker.run("def f(): return open('f', 'w+').write('x')\nf()\nprint(os.popen('cat f').read())").error is None


def test_a_limit_that_is_already_lower_stays(worker: DrivenWorker, tmp_path: Path) -> None:
    lower = "import os, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)); print(os.getpid())"
    assert worker.printed(lower) == f"{worker.pid}\n"
    configure(worker, tmp_path, files=50)
    assert worker.printed("print(resource.getrlimit(resource.RLIMIT_NOFILE))") == "(40, 40)\n"


def test_the_kernel_ends_a_limited_worker_before_the_daemon(worker: DrivenWorker, tmp_path: Path) -> None:
    before = int(Path("/proc/self/oom_score_adj").read_text())
    score = "print(open('/proc/self/oom_score_adj').read())"
    assert int(worker.printed(score)) == before
    for _ in range(2):  # the second time is that of a pool's worker, which gets tighter limits
        configure(worker, tmp_path, data=1 << 30)
        assert int(worker.printed(score)) == min(before + 500, 1000)
