"""A context's own user may work in the context's directory while the context lives, and nothing changes its owner."""

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from interpreterd.files.rights import acting_as, drop_groups
from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.workers.isolation import grants
from interpreterd.workers.isolation.acls import ACCESS, DEFAULT
from interpreterd.workers.isolation.grants import Grant, unreachable

USERS = range(123_450, 123_460)
USER, OTHER, OWNER = 123_456, 123_457, 123_449
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may let others work in a directory")
As = Callable[[int, Callable[[], Any]], Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory of ``OWNER`` that all may reach, with files that only the owner may use."""
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 0o001:
            above.chmod(0o711)
    made = tmp_path.resolve() / "place"
    (made / "folder").mkdir(parents=True)
    (made / "folder" / "file").write_text("old")
    (made / "script").write_text("#!/bin/sh\n")
    (made / "script").chmod(0o700)
    (made / "folder" / "file").chmod(0o600)
    (tmp_path / "elsewhere").write_text("elsewhere")
    (tmp_path / "elsewhere").chmod(0o600)
    os.link(tmp_path / "elsewhere", made / "two names")
    (made / "link").symlink_to(tmp_path / "elsewhere")
    for it in (made, *made.rglob("*")):
        os.chown(it, OWNER, OWNER, follow_symlinks=False)
    made.chmod(0o755)
    return made


@pytest.fixture
def as_user() -> Iterator[As]:
    """Yield a function that calls a function with the rights of a user."""
    with ThreadPoolExecutor(1, initializer=drop_groups) as threads:

        def act(user: int, work: Callable[[], Any]) -> Any:
            def within() -> Any:
                with acting_as(user):
                    return work()

            return threads.submit(within).result()

        yield act


def facts(place: Path) -> dict[str, object]:
    """Return modes, owners and lists of all that is in ``place``."""
    return {
        str(it.relative_to(place)): (
            stat.filemode(it.lstat().st_mode),
            it.lstat().st_uid,
            [] if it.is_symlink() else sorted(set(os.listxattr(it)) & {ACCESS, DEFAULT}),
        )
        for it in (place, *place.rglob("*"))
    }


def grant(place: Path, as_user: As, user: int = USER, living: "set[int] | None" = None) -> Grant:
    made = Grant(str(place), user, USERS)
    made.make(living or set())
    return made


def test_the_user_may_work_with_all_that_is_there_until_the_end(place: Path, as_user: As) -> None:
    before = facts(place)
    made = grant(place, as_user)

    def work() -> None:
        (place / "folder" / "file").write_text("new")
        (place / "new").mkdir()
        (place / "new" / "file").write_text("x")
        os.rename(place / "new" / "file", place / "moved")
        (place / "moved").unlink()
        (place / "new").rmdir()
        assert os.access(place / "script", os.X_OK, effective_ids=True)

    as_user(USER, work)
    made.end()
    made.end()
    assert facts(place) == before
    with pytest.raises(PermissionError):
        as_user(USER, (place / "folder" / "file").read_text)
    with pytest.raises(PermissionError):
        as_user(USER, (place / "new").touch)


def test_a_file_with_a_name_elsewhere_is_not_opened_and_no_link_is_followed(place: Path, as_user: As) -> None:
    made = grant(place, as_user)
    for name in ("two names", "link"):
        with pytest.raises(PermissionError):
            as_user(USER, (place / name).read_text)
    made.end()


def test_what_is_made_meanwhile_is_for_the_owner_of_the_directory_too(place: Path, as_user: As) -> None:
    made = grant(place, as_user)
    as_user(USER, lambda: (place / "made").write_text("x"))
    as_user(USER, lambda: (place / "made folder").mkdir())
    made.end()
    as_user(OWNER, lambda: (place / "made").write_text("y"))
    as_user(OWNER, lambda: (place / "made folder" / "file").write_text("y"))
    assert (place / "made").stat().st_uid == USER
    with pytest.raises(PermissionError):
        as_user(OTHER, lambda: (place / "made").write_text("z"))


def test_two_contexts_may_share_a_directory_and_the_end_of_one_is_not_that_of_the_other(
    place: Path, as_user: As
) -> None:
    before = facts(place)
    first = grant(place, as_user)
    second = grant(place, as_user, OTHER, {USER})
    first.end()
    with pytest.raises(PermissionError):
        as_user(USER, (place / "folder" / "file").read_text)
    as_user(OTHER, lambda: (place / "folder" / "file").write_text("other"))
    second.end()
    assert facts(place) == before


def test_a_user_whose_context_died_with_its_daemon_is_taken_out_by_the_next_one(place: Path, as_user: As) -> None:
    grant(place, as_user)  # no end: kill -9
    made = grant(place, as_user, OTHER)
    with pytest.raises(PermissionError):
        as_user(USER, (place / "folder" / "file").read_text)
    made.end()


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_nothing_is_changed_where_all_may_work(place: Path, as_user: As, mode: int) -> None:
    place.chmod(mode)
    before = facts(place)
    made = grant(place, as_user)
    assert facts(place) == before
    made.end()
    assert facts(place) == before


@pytest.mark.parametrize("path", ["/", "/usr/lib", "/etc", os.path.expanduser("~root")])
def test_directories_of_the_system_and_homes_are_refused(path: str) -> None:
    with pytest.raises(InvalidWorkingDirectory, match="the system's or a home"):
        Grant(os.path.realpath(path), USER, USERS).make(set(), is_viewed=True)


def test_a_directory_that_the_user_cannot_reach_is_refused_unless_a_view_shows_it(place: Path, as_user: As) -> None:
    above = place / "folder"
    above.chmod(0o700)
    (above / "inner").mkdir()
    assert as_user(USER, lambda: None) is None
    made = Grant(str(above / "inner"), USER, USERS)
    with pytest.raises(InvalidWorkingDirectory, match=f"{above} may not be entered"):
        made.make(set())
    made.make(set(), is_viewed=True)
    made.end()
    assert unreachable(str(above / "inner"), USER) == str(above)
    assert unreachable(str(place), USER) is None


def test_a_tree_that_is_too_large_is_refused_and_left_as_it_was(
    place: Path, as_user: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = facts(place)
    monkeypatch.setattr(grants, "ENTRIES_LIMIT", 2)
    monkeypatch.setattr(grants._walk, "__defaults__", (2,))
    with pytest.raises(InvalidWorkingDirectory, match="more than 2 files"):
        grant(place, as_user)
    assert facts(place) == before


def test_a_file_system_without_lists_is_refused(place: Path, as_user: As, monkeypatch: pytest.MonkeyPatch) -> None:
    def getxattr(path: str, name: str) -> bytes:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "getxattr", getxattr)
    with pytest.raises(InvalidWorkingDirectory, match="no access control lists; make it writable for all"):
        grant(place, as_user)
