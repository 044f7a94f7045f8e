"""Copies of source code to measure: this tree and another commit's, each with an interpreter that runs its daemon."""

import configparser
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path
from typing import Any, Final

from attrs import frozen

INSTALL_LIMIT_S: Final = 600
REPOSITORY_VARIABLES: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
VERSION_FILE: Final = "interpreterd/_version.py"
# What setuptools-scm writes into it when the package is installed, which the other tree never is.
VERSION: Final = """\
__version__ = version = {version!r}
__version_tuple__ = version_tuple = tuple({version!r}.split("."))
__commit_id__ = commit_id = {commit!r}
"""


class TreeError(Exception):
    """There is no such tree, or it cannot be made ready. The text is one sentence, for the command's user."""


@frozen(kw_only=True)
class Tree:
    """A copy of a tree, ready to be measured.

    Attributes:
        name: What the user called it.
        commit: Its commit's hash; None outside of a git repository.
        changed: Whether files differ from that commit.
        version: The expected answer of its daemon to ``GET /version``; None if it is not known.
        python: An interpreter that imports ``interpreterd`` from this tree, and everything else from this environment.
    """

    name: str
    commit: str | None
    changed: bool = False
    version: str | None = None
    python: str


def this_tree(repository: Path, directory: Path) -> Tree:
    """Copy the files of ``repository``, with all uncommitted changes, into the new ``directory``.

    A copy, because edits during the measurement must not count, and because both sides must start alike.

    Raises:
        TreeError: It is no repository, or a file cannot be copied.
    """
    root = directory / "tree"
    known = this_commit(repository)
    names = _git_bytes(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")
    try:
        for source in (repository / os.fsdecode(name) for name in names if name):
            if source.is_symlink() or source.is_file():  # neither deleted, nor a repository in the repository
                copy = root / source.relative_to(repository)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy, follow_symlinks=False)
    except OSError as error:
        raise TreeError(f"this tree cannot be copied: {error}") from error
    version = _write_version(root, f"{known['commit']}{'.changed' if known['changed'] else ''}")
    python = make_interpreter(root, directory / "python")
    return Tree(name="this tree", **known, version=version, python=python)


def this_commit(root: Path) -> dict[str, Any]:
    """Return ``commit`` and ``changed`` of the tree at ``root``, as of a ``Tree``."""
    try:
        commit = find_commit("HEAD", root)
        return {"commit": commit, "changed": bool(_git(root, "status", "--porcelain").strip())}
    except TreeError:
        return {"commit": None, "changed": False}


def tree_of(revision: str, repository: Path, directory: Path) -> Tree:
    """Write the files of ``revision`` into the new ``directory``, which the caller removes.

    Raises:
        TreeError: There is no such commit, its files cannot be written, or what it requires cannot be installed.
    """
    commit = find_commit(revision, repository)
    root = directory / "tree"
    root.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(_git_bytes(repository, "archive", "--format=tar", commit))) as archive:
            archive.extractall(root, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise TreeError(f"the files of {revision} cannot be written: {error}") from error
    if not (root / "interpreterd").is_dir():
        raise TreeError(f"{revision} has no folder interpreterd")
    version = _write_version(root, commit)
    python = make_interpreter(root, directory / "python")
    if (needed := requirements(root)) != requirements(repository):
        _install(python, needed, revision)
    return Tree(name=revision, commit=commit, version=version, python=python)


def find_commit(revision: str, repository: Path) -> str:
    """Return the hash of the commit that ``revision`` names: a hash, a branch, a tag, ``HEAD~3``.

    Raises:
        TreeError: It names none.
    """
    if not (repository / ".git").exists():
        raise TreeError(f"{repository} is not a git repository")
    try:
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return _git(repository, *asked).strip()
    except TreeError as error:
        raise TreeError(f"there is no commit {revision!r} in {repository}") from error


def requirements(root: Path) -> list[str]:
    """Return the requirements of the package at ``root``, sorted; empty if setup.cfg has none."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(root / "setup.cfg", "utf-8")
    lines = settings.get("options", "install_requires", fallback="").splitlines()
    return sorted(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))


def make_interpreter(root: Path, directory: Path) -> str:
    """Return the path of an interpreter, in a new virtual environment, that looks for modules in ``root`` first.

    Then it looks in this environment's packages. It does not run this environment's start-up files: an editable
    installation has one, which would find ``interpreterd`` in this tree whatever ``root`` is.
    """
    venv.create(directory, symlinks=True)
    python = directory / "bin" / "python"
    own = sysconfig.get_path("purelib", "venv", {"base": str(directory)})
    Path(own, "packages.pth").write_text(f"{root}\n{sysconfig.get_path('purelib')}\n")
    return str(python)


def _write_version(root: Path, commit: str) -> str | None:
    """Write the file that building the package would write, and return its version; None if nothing was written."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        name = project["tool"]["setuptools_scm"]["version_file"]
    except (OSError, KeyError, ValueError):
        name = VERSION_FILE
    path = (root / name).resolve()
    if path.exists() or not path.is_relative_to(root.resolve()) or not path.parent.is_dir():
        return None
    version = f"0+g{commit}"
    path.write_text(VERSION.format(version=version, commit=commit))
    return version


def _install(python: str, needed: list[str], revision: str) -> None:
    """Install the packages that ``revision`` needs and that this environment has not, or has in other versions."""
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*pip, "install", "--quiet", *needed], capture_output=True, text=True, timeout=INSTALL_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise TreeError(f"installing what {revision} needs took longer than {INSTALL_LIMIT_S} s") from error
    if done.returncode:
        raise TreeError(f"what {revision} needs cannot be installed: {last_line(done.stderr)}")


def last_line(text: str) -> str:
    """Return the last line of ``text`` that is not blank."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it does not say why")


def _git(repository: Path, *arguments: str) -> str:
    return _git_bytes(repository, *arguments).decode(errors="replace")


def _git_bytes(repository: Path, *arguments: str) -> bytes:
    # A git hook has these, and they would win over the folder.
    own = {name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}
    try:
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, env=own)
    except FileNotFoundError as error:
        raise TreeError("there is no git on PATH") from error
    if done.returncode:
        raise TreeError(f"git says: {last_line(done.stderr.decode(errors='replace'))}")
    return done.stdout
