"""Which namespaces can be had here, tried."""

import sys
from pathlib import Path

import pytest
from unshared import need

from interpreterd.processes.nursery import Nursery
from interpreterd.workers.isolation import trying
from interpreterd.workers.isolation.trying import KINDS, Namespaces, namespaces


async def test_what_is_tried_here_can_be_had() -> None:
    found = await namespaces(sys.executable, Nursery())
    assert found.missing.keys() <= set(KINDS)
    if not found.missing:
        need(*(found.of("mount", "pid", "ipc", "net") or ()))


async def test_each_kind_says_why_it_cannot_be_had(tmp_path: Path) -> None:
    """A filter of system calls, as containers have one, would do this to the calls."""
    python = tmp_path / "python"
    python.write_text(
        f"""#!/bin/sh
exec {sys.executable} -I -S -c '
import sys
source = sys.stdin.read().replace("flags |= KINDS[kind]", "flags |= KINDS[kind] if kind != \\"net\\" else 1 << 3")
exec(source)'
"""
    )
    python.chmod(0o755)
    found = await namespaces(str(python), Nursery())
    assert "net" in found.missing
    assert found.missing["net"].startswith("unshare ")


@pytest.mark.parametrize(
    ("script", "why"),
    [("#!/bin/sh\necho why >&2; exit 3", "why\n"), ("#!/no/such/interpreter", "No such file or directory")],
)
async def test_without_a_python_nothing_can_be_had(tmp_path: Path, script: str, why: str) -> None:
    python = tmp_path / "python"
    python.write_text(script)
    python.chmod(0o755)
    found = await namespaces(str(python), Nursery())
    assert found.missing.keys() == set(KINDS)
    assert all(why in told for told in found.missing.values()), found


async def test_a_try_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "LIMIT_S", 0)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 1000")
    python.chmod(0o755)
    assert (await namespaces(str(python), Nursery())).missing == dict.fromkeys(KINDS, "it takes too long to try")


def test_a_user_namespace_comes_first_where_the_others_need_it() -> None:
    assert Namespaces().of("mount") == ["mount"]
    assert Namespaces(user=True).of("net", "mount") == ["user", "mount", "net"]
    assert Namespaces(user=True, missing={"user": "why"}).of("mount") is None
    assert Namespaces(missing={"user": "why", "net": "why"}).of("mount", "pid") == ["mount", "pid"]
    assert Namespaces(missing={"net": "why"}).of("mount", "net") is None
