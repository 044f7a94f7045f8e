"""A closed file is saved as one, whatever has become of the file itself; an open one is not."""

from pathlib import Path

import pytest
from worker_driver import DrivenWorker
from worker_modules import told

CODE = """
import os
form = own("closed_files").closed_form
file = open({path!r}, {mode!r})
is_open = form(file) is None
file.close()
os.unlink({path!r})
make, arguments = form(file)
made = make(*arguments)
it = [is_open, made.closed, made.name, type(made) is type(file), made.mode == file.mode, os.path.exists({path!r})]
"""


@pytest.mark.parametrize("mode", ["r", "rb", "w", "wb", "a", "r+", "rb+"])
def test_a_closed_file_has_its_name_and_mode_and_its_path_is_not_touched(
    worker: DrivenWorker, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    assert told(worker, CODE.format(path=str(path), mode=mode)) == [True, True, str(path), True, True, False]


def test_what_is_no_file_of_pythons_own_has_no_such_form(worker: DrivenWorker) -> None:
    code = """
import io
class Strange:
    closed = True
class Own(io.TextIOWrapper): pass
own_file = Own(io.BytesIO())
own_file.close()
text = io.TextIOWrapper(io.BytesIO())
text.close()
detached = open("/dev/null")
detached.detach()
it = [own("closed_files").closed_form(file) for file in (Strange(), own_file, text, detached, 3)]
"""
    assert told(worker, code) == [None] * 5
