"""THREATS.md's tables of attacks say what happens: each row is run, by a daemon of root's and by an ordinary user's."""

import functools
import json
import os
import re
import runpy
import subprocess
import sys
import sysconfig
from typing import Any

import pytest
from paths import ROOT

from interpreterd.cli.attacks.attack import attacks
from interpreterd.model.isolation import PROFILES

TEXT = (ROOT / "THREATS.md").read_text("utf-8")
USER = 65530  # owns nothing
# As in a container: the kernel has no further user namespace for it.
NO_NAMESPACES = "ordinary user without namespaces"
FORBID = 'echo 1 > /proc/sys/user/max_user_namespaces; exec unshare -U --map-user=1000 --map-group=1000 "$@"'
WITHOUT = ["unshare", "-Ur", "sh", "-c", FORBID, "sh"]
PASSED = {"admitted": True, "escaped": True, "held": False, "stopped": False}
# What the machine forbids is forbidden in every profile: no row says so of each machine.
SETTINGS = {it.sentence for it in attacks() if it.setting is not None}

pytestmark = [pytest.mark.xdist_group("threats"), pytest.mark.timeout(240)]


def rows() -> dict[str, dict[str, str]]:
    """Return what the tables say: by an attack's sentence and by profile."""
    tables = TEXT.partition("<!-- attacks: begin -->")[2].partition("<!-- attacks: end -->")[0]
    cells = [line.strip("| ").split(" | ") for line in tables.splitlines() if line.startswith("| ")]
    return {cell[0]: dict(zip(PROFILES, cell[1:], strict=True)) for cell in cells if cell[0] != "code in a context …"}


def passes(cell: str, layers: set[str], root: bool) -> bool:
    """Return whether an attack passes, as a cell says it, in a context with ``layers``."""
    if cell.startswith("stopped: "):
        return False
    if with_layers := re.match("stopped with (.*); otherwise not", cell):
        return layers.isdisjoint(re.findall("`([a-z-]+)`", with_layers[1]))
    if cell == "stopped unless the daemon is root's":
        return root
    assert cell.startswith("not stopped"), cell
    return True


def python_of(user: int | None) -> str:
    """Return a Python with this environment's packages that ``user`` can run; skip if there is none."""
    for python in (sys.executable, f"/usr/bin/python{sysconfig.get_python_version()}"):
        with_packages = [python, "-c", "import interpreterd, aiohttp, ctypes"]
        try:
            if (
                subprocess.run(with_packages, env=environment(), user=user, cwd="/", capture_output=True).returncode
                == 0
            ):
                return python
        except OSError:
            continue
    pytest.skip("an ordinary user can run no Python that has the daemon's packages")


def environment() -> dict[str, str]:
    """Return an environment in which any Python of this version finds the packages."""
    paths = os.pathsep.join([str(ROOT), sysconfig.get_path("platlib"), sysconfig.get_path("purelib")])
    kept = {name: it for name, it in os.environ.items() if not name.startswith(("INTERPRETERD_", "PYTHON"))}
    return {**kept, "HOME": "/", "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


@functools.cache
def reports(owner: str) -> list[dict[str, Any]]:
    """Run the attacks by a daemon of ``owner``; return what was reported of each profile."""
    user = USER if owner != "root" and not os.geteuid() else None
    ids: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    command = [python_of(user), "-P", "-m", "interpreterd", "doctor", "--isolation", "--json"]
    if owner == NO_NAMESPACES:
        if subprocess.run([*WITHOUT, "true"], cwd="/", capture_output=True, **ids).returncode:
            pytest.skip("this machine gives no user namespace in which to forbid further ones")
        command = [*WITHOUT, *command]
    ran = subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, **ids)
    assert ran.stdout, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    failed = [it for report in found for it in report["attacks"] if it["verdict"] in ("escaped", "broken")]
    assert (ran.returncode, failed) == (0, [])
    return found


def test_the_tables_are_drawn_from_the_attacks() -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "attacks.py"))["drawn"]
    assert drawn(TEXT) == TEXT, "`python docs/attacks.py` draws THREATS.md's tables"
    assert list(rows()) == [it.sentence for it in attacks()]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("owner", ["root", "ordinary user", NO_NAMESPACES])
def test_each_row_is_true(owner: str, profile: str) -> None:
    if os.geteuid() and owner == "root":
        pytest.skip("only root can run a daemon of root's")
    report = next(it for it in reports(owner) if it["profile"] == profile)
    if report["refused"] is not None:
        pytest.skip(f"not to be had here: {report['refused']}")
    layers, wrong = set(report["layers"]), []
    assert owner != NO_NAMESPACES or not any("namespace" in it for it in layers)
    said = {it["sentence"]: it for it in report["attacks"]}
    for sentence, cells in rows().items():
        verdict = said[sentence]["verdict"]
        expected = passes(cells[profile], layers, owner == "root")
        if verdict == "impossible" or (expected and sentence in SETTINGS and not PASSED[verdict]):
            continue
        if PASSED[verdict] is not expected:
            wrong.append(f"{said[sentence]['attack']}: {cells[profile]}, but {verdict}: {said[sentence]['said']}")
    assert wrong == []
