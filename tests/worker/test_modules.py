"""Names after ``import`` and ``from``."""

from worker_driver import DrivenWorker
from worker_looks import look


def test_packages_are_looked_into_without_an_import(worker: DrivenWorker) -> None:
    package = worker.cwd / "unmistakable"
    package.mkdir()
    (package / "__init__.py").write_text("print('imported')\nfrom os import path as there\nmade = 1\n")
    (package / "inner.py").write_text("def deep(): pass\n")
    assert look(worker, "complete", "import unmistak")["matches"] == ["unmistakable"]
    assert look(worker, "complete", "import unmistakable.")["matches"] == ["inner"]
    assert look(worker, "complete", "from unmistakable import ")["matches"] == ["inner", "made", "there"]
    assert look(worker, "complete", "from unmistakable.inner import (d")["matches"] == ["deep"]
    assert look(worker, "complete", "from nowhere import ")["matches"] == []
    assert look(worker, "complete", "from . import ")["matches"] == []
    assert worker.output() == []


def test_a_broken_module_has_no_names(worker: DrivenWorker) -> None:
    (worker.cwd / "broken.py").write_text("def (")
    assert look(worker, "complete", "from broken import ")["matches"] == []
