"""``interpreterd audit verify``."""

from pathlib import Path

import pytest
from command import interpreterd

from interpreterd.monitoring.audit_chain import START
from interpreterd.monitoring.audit_file import AuditFile


def written(path: Path, after: str | None = None) -> str:
    file = AuditFile(str(path), after)
    file.begin({})
    file.add({"event": "x"})
    file.write()
    file.close()
    return file.last


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path, str]:
    """Return two files of one chain, and the last hash."""
    old, new = tmp_path / "audit.1", tmp_path / "audit"
    return old, new, written(new, written(old))


def test_a_whole_chain_is_told_with_its_last_hash(logs: tuple[Path, Path, str]) -> None:
    old, new, last = logs
    ran = interpreterd("audit", "verify", str(old), str(new), "--ends", last)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"4 lines, none of them changed. The last hash: {last}\n"


def test_a_part_of_a_chain_is_told_to_be_one(logs: tuple[Path, Path, str]) -> None:
    _, new, _ = logs
    assert "of what came before, nothing is known" in interpreterd("audit", "verify", str(new)).stdout


@pytest.mark.parametrize("what", ["changed", "swapped", "shortened", "foreign"])
def test_a_broken_chain_is_told_with_its_place(logs: tuple[Path, Path, str], what: str) -> None:
    old, new, last = logs
    arguments = [str(old), str(new)]
    told = f"{new}, line 1: it does not name the hash of the line before it"
    match what:
        case "changed":
            old.write_bytes(old.read_bytes().replace(b'"x"', b'"y"'))
        case "swapped":
            arguments.reverse()
            told = told.replace(str(new), str(old))
        case "shortened":
            new.write_bytes(new.read_bytes().splitlines(keepends=True)[0])
            arguments += ["--ends", last]
            told = "the last line has another hash: "
        case "foreign":
            arguments = [str(new), "--begins", START]
    ran = interpreterd("audit", "verify", *arguments)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"interpreterd: {told}")
    assert ran.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    ran = interpreterd("audit", "verify", str(tmp_path / "none"))
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
