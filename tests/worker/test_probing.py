"""What this machine can do to isolate: ``tests/workers/isolation/test_abilities.py`` reads the answer."""

import sys

from confined import abilities
from worker_driver import find_pythons


def test_every_python_finds_the_same() -> None:
    ours = abilities(sys.executable)
    for python in list(find_pythons().values())[:2]:
        theirs = abilities(python)
        assert (theirs.landlock, theirs.seccomp, theirs.namespaces) == (ours.landlock, ours.seccomp, ours.namespaces)
        assert theirs.paths
