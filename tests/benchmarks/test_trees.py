"""The tree of another commit, in small repositories: the commit is found, and its Python imports its own code."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks import trees
from benchmarks.trees import TreeError, find_commit, requirements, this_tree, tree_of

SETUP = "[options]\ninstall_requires =\n    # A comment.\n    orjson >= 3.11\n    aiohttp >= 3.14, < 4\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository of three commits: the second has a tag, the third is on two branches."""
    root = tmp_path_factory.mktemp("template")
    package = root / "interpreterd"
    package.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "setup.cfg").write_text(SETUP)
    for number in (1, 2, 3):
        (package / "__init__.py").write_text(f"NUMBER = {number}\n")
        commit(root)
        if number == 2:
            git(root, "tag", "v2")
    git(root, "branch", "side")
    return root


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """Return a copy of the template for one test."""
    return shutil.copytree(template, tmp_path / "repository")


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
    return subprocess.check_output(["git", "-C", root, *identity, *arguments], text=True).strip()


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "A change")


def says(python: str, code: str) -> str:
    """Return what ``code`` prints under a tree's Python, started as a daemon is."""
    return subprocess.check_output([python, "-I", "-c", code], text=True, cwd="/").strip()


@pytest.mark.parametrize(
    ("revision", "number"), [("HEAD", 3), ("HEAD~1", 2), ("HEAD~2", 1), ("v2", 2), ("side", 3), ("main^", 2)]
)
def test_a_revision_is_whatever_names_a_commit_to_git(
    repository: Path, tmp_path: Path, revision: str, number: int
) -> None:
    tree = tree_of(revision, repository, tmp_path / "there")
    assert tree.commit == git(repository, "rev-parse", f"{revision}^{{commit}}")
    assert says(tree.python, "import interpreterd; print(interpreterd.NUMBER)") == str(number)


def test_a_short_hash_names_a_commit(repository: Path) -> None:
    full = git(repository, "rev-parse", "HEAD")
    assert find_commit(full[:10], repository) == full


@pytest.mark.parametrize("revision", ["nope", "", "HEAD~99", "-h", "--all", "v2:setup.cfg", "HEAD:interpreterd", "a b"])
def test_what_names_no_commit_is_told_in_one_sentence(repository: Path, tmp_path: Path, revision: str) -> None:
    with pytest.raises(TreeError) as caught:
        tree_of(revision, repository, tmp_path / "there")
    assert str(caught.value) == f"there is no commit {revision!r} in {repository}"


def test_without_a_repository_there_is_no_other_tree(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="is not a git repository"):
        tree_of("HEAD", tmp_path, tmp_path / "there")
    assert trees.this_commit(tmp_path) == {"commit": None, "changed": False}


def test_a_commit_without_the_package_is_no_tree_to_measure(repository: Path, tmp_path: Path) -> None:
    git(repository, "rm", "-q", "-r", "interpreterd")
    commit(repository)
    with pytest.raises(TreeError, match="HEAD has no folder interpreterd"):
        tree_of("HEAD", repository, tmp_path / "there")


def test_this_tree_has_its_changes_and_the_other_one_none_of_them(repository: Path, tmp_path: Path) -> None:
    assert not this_tree(repository, tmp_path / "clean").changed
    (repository / "interpreterd" / "__init__.py").write_text("from interpreterd.new import NUMBER\n")
    (repository / "interpreterd" / "new.py").write_text("NUMBER = 4\n")
    here = this_tree(repository, tmp_path / "here")
    (repository / "interpreterd" / "new.py").write_text("NUMBER = 5\n")  # a change during the measurement
    there = tree_of("HEAD", repository, tmp_path / "there")
    ask = "import interpreterd; print(interpreterd.NUMBER)"
    assert (says(here.python, ask), says(there.python, ask)) == ("4", "3")
    assert here.changed
    assert here.commit == there.commit


def test_the_repository_stays_as_it_is(repository: Path, tmp_path: Path) -> None:
    before = sorted(repository.rglob("*"))
    tree_of("v2", repository, tmp_path / "there")
    assert sorted(repository.rglob("*")) == before
    assert git(repository, "status", "--porcelain") == ""
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_hook_of_another_repository_changes_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = git(repository, "rev-parse", "v2")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert find_commit("v2", repository) == expected


@pytest.mark.parametrize("name", ["interpreterd/_version.py", "interpreterd/deep/_version.py"])
def test_the_version_that_no_commit_has_is_written_where_the_tree_wants_it(
    repository: Path, tmp_path: Path, name: str
) -> None:
    (repository / "pyproject.toml").write_text(f'[tool.setuptools_scm]\nversion_file = "{name}"\n')
    (repository / "interpreterd" / "deep").mkdir()
    (repository / "interpreterd" / "deep" / "__init__.py").touch()
    commit(repository)
    tree = tree_of("HEAD", repository, tmp_path / "there")
    module = name.removesuffix(".py").replace("/", ".")
    told = says(tree.python, f"import {module} as it; print(it.version, it.__version__, it.commit_id)")
    assert told == f"{tree.version} {tree.version} {tree.commit}"


@pytest.mark.parametrize("name", ["../outside.py", "/tmp/outside.py", "interpreterd/nowhere/_version.py"])
def test_a_version_is_written_nowhere_else(repository: Path, tmp_path: Path, name: str) -> None:
    (repository / "pyproject.toml").write_text(f'[tool.setuptools_scm]\nversion_file = "{name}"\n')
    commit(repository)
    assert tree_of("HEAD", repository, tmp_path / "there").version is None
    assert not (tmp_path / "there" / "outside.py").exists()


def test_both_trees_have_the_packages_of_this_environment(repository: Path, tmp_path: Path) -> None:
    tree = tree_of("HEAD", repository, tmp_path / "there")
    ask = "import aiohttp, json, sys; print(json.dumps([aiohttp.__file__, [str(it) for it in sys.meta_path]]))"
    file, finders = json.loads(says(tree.python, ask))
    import aiohttp

    assert file == aiohttp.__file__
    assert not [finder for finder in finders if "ditable" in finder], "it would find the package of this checkout"


def test_requirements_are_those_of_setup_cfg(repository: Path) -> None:
    assert requirements(repository) == ["aiohttp >= 3.14, < 4", "orjson >= 3.11"]
    assert requirements(repository / "interpreterd") == []


def test_other_requirements_are_installed_for_the_other_tree_alone(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "wanted_there-7-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = "wanted_there-7.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: wanted-there\nVersion: 7\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (repository / "setup.cfg").write_text(SETUP + f"    wanted-there @ file://{wheel}\n")
    commit(repository)
    (repository / "setup.cfg").write_text(SETUP)
    tree = tree_of("HEAD", repository, tmp_path / "there")
    ask = "from importlib.metadata import version; print(version('wanted-there'))"
    assert says(tree.python, ask) == "7"
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([sys.executable, "-I", "-c", ask], check=True, stderr=subprocess.DEVNULL)


def test_what_cannot_be_installed_is_told_in_one_sentence(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (repository / "setup.cfg").write_text(SETUP + "    no-such-package-anywhere >= 1\n")
    commit(repository)
    (repository / "setup.cfg").write_text(SETUP)
    with pytest.raises(TreeError, match=r"what HEAD needs cannot be installed: .*no-such-package-anywhere") as caught:
        tree_of("HEAD", repository, tmp_path / "there")
    assert "\n" not in str(caught.value)
