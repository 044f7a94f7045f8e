"""What the tests of isolation share: what this machine can do, and a worker's ``confine`` for a context of its own."""

import functools
import json
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

from interpreterd.model.isolation import Isolation, usual_network
from interpreterd.pipe.confinement import confinement_body
from interpreterd.workers.isolation.abilities import Abilities, parsed_abilities, probe_program
from interpreterd.workers.isolation.directories import PrivateRoot
from interpreterd.workers.isolation.profiles import plan


@functools.cache
def abilities(python: str) -> Abilities:
    """Return what this machine can do, as a process of ``python`` finds out."""
    folder = Path(str(resources.files("interpreterd") / "_worker"))
    done = subprocess.run([python], input=probe_program(folder), stdout=subprocess.PIPE, check=True, cwd="/")
    return parsed_abilities(done.stdout)


def confine(python: str, cwd: Path, parent: Path, profile: str = "standard", **changed: Any) -> dict[str, Any]:
    """Return ``confine`` for a worker of ``python`` in ``cwd``; its private directories are made below ``parent``."""
    isolation = Isolation(**{"profile": profile, "network": usual_network(profile), **changed})
    planned = plan(isolation, abilities(python), cwd=str(cwd), private=PrivateRoot(str(parent)).make())
    body: dict[str, Any] = json.loads(json.dumps(confinement_body(planned.confinement)))
    return body
