"""``make newest-sdks``: the tests of clients, with the newest release of each client. It tells which ones have moved.

    python tests/clients/newest.py [arguments of pytest]

The releases are installed into ``build/newest``, which is emptied first. The exit status is 1 if a test fails, or if a
release is outside the range that setup.cfg or package.json has: then read its changelog, and move the range.
"""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "build" / "newest"
NODE: Final = ROOT / "tests" / "clients" / "node"
EXTRAS: Final = ("clients", "agents")
IN_TESTS: Final = "daytona"
"""The SDK that tests import themselves."""
NPM: Final = ("npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


def requirements(setup: str, extra: str) -> list[Requirement]:
    """Return what an extra needs, by the text of setup.cfg; nothing, if there is none."""
    config = configparser.ConfigParser()
    config.read_string(setup)
    lines = config["options.extras_require"].get(extra, "").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def without_range(requirement: Requirement) -> str:
    """Return the requirement of any version."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return requirement.name + extras


def outside(found: Mapping[str, str], wanted: Sequence[Requirement]) -> Iterator[str]:
    """Yield a sentence for each package whose version in ``found`` is not a ``wanted`` one."""
    for it in wanted:
        version = found.get(plain(it.name))
        if version is not None and version not in it.specifier:
            yield f"{it.name} {version} is out, and setup.cfg has {it.specifier}"


def outside_of_node(found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each package of Node whose major version, or minor one before 1.0, has moved; pins stay."""
    for name, span in wanted.items():
        if not span.startswith("^"):
            continue
        kept = span.removeprefix("^").split(".")
        number = found.get(name, span.removeprefix("^")).split(".")
        parts = 2 if kept[0] == "0" else 1
        if number[:parts] != kept[:parts]:
            yield f"{name} {found[name]} is out, and package.json has {span}"


def plain(name: str) -> str:
    """Return the name of a Python package as all tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def install(python: str) -> list[str]:
    """Install the newest releases; return a sentence for each that has moved out of its range."""
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    moved: list[str] = []
    for extra in EXTRAS:
        wanted = requirements(setup, extra)
        if not wanted:
            continue
        environment = FOLDER / f".venv-{extra}"
        run(python, "-m", "venv", str(environment))
        inner = str(environment / "bin" / "python")
        run(inner, "-m", "pip", "install", "-qq", "--upgrade", "--editable", str(ROOT), *map(without_range, wanted))
        moved += outside(versions(inner), wanted)
        (environment / ".has").touch()
    moved += install_node()
    target = ["--target", str(FOLDER / IN_TESTS)]
    run(sys.executable, "-m", "pip", "install", "-qq", *target, IN_TESTS)
    wanted = [it for it in requirements(setup, "test") if it.name == IN_TESTS]
    return [*moved, *outside(versions(sys.executable, "--path", target[1]), wanted)]


def install_node() -> list[str]:
    """Install the newest packages of Node; return a sentence for each that has moved."""
    folder = FOLDER / ".venv-clients" / "node"
    folder.mkdir()
    wanted = json.loads((NODE / "package.json").read_text("utf-8"))["dependencies"]
    newest = {name: "latest" if span.startswith("^") else span for name, span in wanted.items()}  # others are pinned
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": newest}))
    subprocess.run(NPM, cwd=folder, check=True)
    (folder / ".has").touch()
    packages = {name: json.loads((folder / "node_modules" / name / "package.json").read_text()) for name in wanted}
    found = {name: package["version"] for name, package in packages.items()}
    print("\n".join(f"{name} {version}" for name, version in found.items()))
    return list(outside_of_node(found, wanted))


def versions(python: str, *where: str) -> dict[str, str]:
    """Return the version of each package of an environment."""
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json", *where], check=True, capture_output=True, text=True
    )
    return {plain(it["name"]): it["version"] for it in json.loads(listed.stdout)}


def run(*command: str) -> None:
    """Run a program; end this one if it fails."""
    subprocess.run(command, check=True)


def main(arguments: Sequence[str]) -> int:
    """Install and test; return the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    moved = install(os.environ.get("PYTHON", sys.executable))
    env = os.environ | {"CLIENTS_IN": str(FOLDER), "PYTHONPATH": str(FOLDER / IN_TESTS)}
    tests = ["tests/clients", "tests/daemon/test_sdk.py"]
    status = subprocess.run([sys.executable, "-m", "pytest", *tests, *arguments], cwd=ROOT, env=env).returncode
    print("\n".join([*moved, "All newest releases are within their ranges." if not moved else "Move these ranges."]))
    return 1 if status or moved else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
