"""A directory of the daemon's own is empty in the view of the file system that a worker has."""

from pathlib import Path

from unshared import READ, need, unshared

from interpreterd.workers.isolation.apart import ApartDirectory
from interpreterd.workers.isolation.namespaces import view


def test_a_covered_directory_is_empty_and_stays_so(tmp_path: Path) -> None:
    need("mount")
    state = tmp_path / "work" / "state"
    state.mkdir(parents=True)
    (state / "key").write_text("secret")
    seen = view(read=READ, write=[str(tmp_path / "work")], own_proc=False, apart=[ApartDirectory.at(str(state))])
    code = f"""
found = []
for name in ("", "/key"):
    try:
        found.append(os.listdir({str(state)!r} + name) if not name else open({str(state)!r} + name).read())
    except OSError as error:
        found.append(error.strerror)
for change in (lambda: os.mkdir({str(state)!r} + "/new"), lambda: os.rename({str(state)!r}, {str(state)!r} + "2")):
    try:
        change()
    except OSError as error:
        found.append(error.strerror)
os.mkdir({str(tmp_path / "work" / "mine")!r})
print(json.dumps(found))
"""
    assert unshared(code, ["mount"], seen=seen) == [
        [],
        "No such file or directory",
        "Read-only file system",
        "Device or resource busy",
    ]
    assert (state / "key").read_text() == "secret"


def test_a_directory_that_was_moved_is_not_taken_for_covered(tmp_path: Path) -> None:
    need("mount")
    state = tmp_path / "work" / "state"
    state.mkdir(parents=True)
    seen = view(read=READ, write=[str(tmp_path / "work")], own_proc=False, apart=[ApartDirectory.at(str(state))])
    state.rename(tmp_path / "work" / "elsewhere")
    assert "No such file or directory" in unshared("", ["mount"], seen=seen)
    state.mkdir()
    assert unshared("", ["mount"], seen=seen) == f"cover of {state}: it is another directory"
