"""The worker's own use of modules of C leaves no trace."""

from worker_driver import DrivenWorker
from worker_modules import told


def test_a_module_that_code_has_not_imported_stays_unseen(worker: DrivenWorker) -> None:
    code = 'import sys\nit = [own("unseen").unseen("_ctypes").__name__, "_ctypes" in sys.modules]'
    assert told(worker, code) == ["_ctypes", False]


def test_a_module_that_code_has_imported_stays(worker: DrivenWorker) -> None:
    code = 'import _ctypes, sys\nit = [own("unseen").unseen("_ctypes") is _ctypes, sys.modules["_ctypes"] is _ctypes]'
    assert told(worker, code) == [True, True]


def test_a_module_that_is_missing_is_an_import_error(worker: DrivenWorker) -> None:
    code = 'try:\n    own("unseen").unseen("_nothing")\nexcept ImportError as error:\n    it = error.name'
    assert told(worker, code) == "_nothing"
