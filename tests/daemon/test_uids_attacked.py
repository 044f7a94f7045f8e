"""In a container a root daemon can make no namespaces: there its contexts' users hold what a namespace would."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from paths import ROOT

# A Python that any user may run: the tests' own may be in a home directory.
PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "python3"
# Docker's usual capabilities: moby, daemon/pkg/oci/caps/defaults.go
CONTAINERS = (
    "chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill "
    "audit_write"
)
# The attacks that a user of its own is said to stop, and those on the daemon.
ATTACK = """
import json, sys
from interpreterd.cli.attacks.attack import attacks
from interpreterd.cli.attacks.campaign import attacked
chosen = [it for it in attacks() if "uid" in it.stopped or it.name.startswith(("daemon", "api", "file-route"))]
ran = attacked(["standard", "strict"], ["--isolation-uids", sys.argv[1]], sys.argv[2], chosen)
print(json.dumps([[it.profile, sorted(it.layers), len(it.outcomes),
    [f"{of.attack.name}: {of.said}" for of in it.failures()]] for it in ran]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser has users for contexts")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv(1) is not installed")
def test_nothing_passes_that_the_table_does_not_admit() -> None:
    bounds = "-all," + ",".join(f"+{name}" for name in CONTAINERS.split())
    first = 50_000_000 + 32 * os.getpid()
    ran = subprocess.run(
        ["setpriv", "--bounding-set", bounds, sys.executable, "-c", ATTACK, f"{first}-{first + 31}", PYTHON],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for profile, layers, count, failures in json.loads(ran.stdout):
        assert {"uid", "landlock", "seccomp"} <= set(layers), profile
        assert "mount-namespace" not in layers
        assert count > 30
        assert failures == [], profile
