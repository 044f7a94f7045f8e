"""``%pip``: a package that it installs can be imported at once."""

import zipfile
from pathlib import Path

from worker_driver import DrivenWorker


def wheel(folder: Path) -> Path:
    """Make a tiny package without the network."""
    path = folder / "tiny_guest-1.0-py3-none-any.whl"
    about = "tiny_guest-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny_guest.py", "answer = 42\n")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-guest\nVersion: 1.0\n")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")
    return path


def test_a_new_package_can_be_imported_at_once(worker: DrivenWorker, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    worker.printed("import sys; sys.path.insert(0, 'lib')\ntry: import tiny_guest\nexcept ImportError: pass")
    quiet = "--quiet --disable-pip-version-check --no-index --no-deps --target lib --root-user-action ignore"
    ran = worker.run(
        f"where = {str(wheel(tmp_path))!r}\n%pip install {quiet} {{where}}\nimport tiny_guest\nprint(tiny_guest.answer)"
    )
    assert ran.error is None, ran
    assert ran.stdout == "42\n"
