"""Clients get partial lines while the code runs."""

from pathlib import Path

import pytest
from harness import Gate
from worker_driver import DrivenWorker


class TestPartialLines:
    """Output without a newline arrives while the code runs."""

    def test_seen(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        for number in range(3):
            worker.start(f"print('partial {number}', end='')\n{gate.wait}\nprint(' whole')")
            worker.until(f"partial {number}")
            gate.open()
            assert worker.finish().stdout == f"partial {number} whole\n"
        gate.close()

    def test_seen_again_and_again(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        worker.start(f"for i in range(5):\n    print(i, end=' ')\n    {gate.wait}\n")
        for number in range(5):
            worker.until("".join(f"{i} " for i in range(number + 1)))
            gate.open()
        assert worker.finish().stdout == "0 1 2 3 4 "
        gate.close()

    @pytest.mark.parametrize(
        "before",
        [
            "print('line')",
            "import sys; sys.stderr.write('error')",
            "import os; os.waitpid(os.fork() or os._exit(0), 0)",
            "print('x', end=''); import os; os.waitpid(os.fork() or os._exit(0), 0)",
            "import subprocess; subprocess.run(['true'])",
            "import sys; sys.setprofile(None); sys.stdout.flush()",
        ],
    )
    def test_seen_after(self, edge_worker: DrivenWorker, tmp_path: Path, before: str) -> None:
        gate = Gate(tmp_path / "gate")
        edge_worker.start(f"{before}\nprint('partial', end='')\n{gate.wait}")
        edge_worker.until("partial")
        gate.open()
        assert edge_worker.finish().error is None
        gate.close()

    def test_seen_of_a_forked_child(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        worker.start(
            f"print('parent', end='')\nimport os\nif not os.fork():\n    print('child', end='')\n    {gate.wait}\n"
            "    os._exit(0)\nos.wait()"
        )
        worker.until("child")
        gate.open()
        assert worker.finish().error is None
        gate.close()

    def test_an_input_prompt_style_wait_can_be_interrupted(self, worker: DrivenWorker) -> None:
        worker.start("import time\nprint('partial', end='')\ntime.sleep(1000)")
        worker.until("partial")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
