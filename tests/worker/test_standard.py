"""The worker's imports of the standard library, while user code has modules of the same names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_driver import DrivenWorker, find_pythons
from worker_modules import OWN


@pytest.fixture(params=find_pythons())
def each_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a worker of each Python, one after another."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        worker.printed(OWN)
        yield worker


@pytest.mark.parametrize("name", ["json", "wave"])
def test_the_worker_imports_the_standard_library_and_user_code_its_own_modules(
    each_worker: DrivenWorker, name: str
) -> None:
    (each_worker.cwd / f"{name}.py").write_text("mine = 1")
    code = f"names = vars(own('report'))\nexec('import {name} as it', names)\nprint(hasattr(names['it'], 'mine'))"
    assert each_worker.printed(code) == "False\n"
    assert each_worker.printed(f"import {name}; print({name}.mine)") == "1\n"
    assert each_worker.printed(code) == "False\n"


def test_modules_of_the_standard_library_that_both_import_are_the_same(each_worker: DrivenWorker) -> None:
    code = "exec('import json', vars(own('report')))\nimport json\nprint(json is own('report').json)"
    assert each_worker.printed(code) == "True\n"
