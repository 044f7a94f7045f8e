"""Each isolated context has a user that no living context has, and that no process has any more."""

import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from interpreterd.model.errors import LimitReached
from interpreterd.workers.isolation import uids
from interpreterd.workers.isolation.uids import MachineRegister, Users, why_unusable
from interpreterd.workers.isolation.user_range import UserRange

RANGE = UserRange(123_456, 123_458)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may use other users")


class FakeRegister:
    """A register that a test fills."""

    def __init__(self, *busy: int) -> None:
        self.processes = set(busy)
        self.elsewhere: set[int] = set()
        self.locked: set[int] = set()
        self.cleaned: list[int] = []

    def busy(self, users: UserRange) -> set[int]:
        return set(self.processes)

    def lock(self, user: int) -> bool:
        if user in self.elsewhere:
            return False
        self.locked.add(user)
        return True

    def unlock(self, user: int) -> None:
        self.locked.discard(user)

    def clean(self, user: int) -> None:
        self.cleaned.append(user)


def test_every_context_has_its_own_and_the_range_is_a_limit() -> None:
    users = Users(RANGE, FakeRegister())
    assert [users.take() for _ in range(3)] == [123_456, 123_457, 123_458]
    with pytest.raises(LimitReached, match=r"the limit of --isolation-uids is 3$"):
        users.take()


def test_a_user_is_used_again_only_after_all_others_and_cleaned_first() -> None:
    register = FakeRegister()
    users = Users(RANGE, register)
    users.refresh()
    users.give_back(users.take())
    assert not users.is_stale
    assert [users.take(), users.take()] == [123_457, 123_458]
    assert register.cleaned == []
    assert users.is_stale
    users.refresh()
    assert users.take() == 123_456
    assert register.cleaned == [123_456]
    assert not users.is_stale


def test_a_user_that_a_process_still_has_is_not_given() -> None:
    register = FakeRegister()
    users = Users(RANGE, register)
    for user in [users.take() for _ in range(3)]:
        users.give_back(user)
    register.processes = {123_456, 123_458}
    users.refresh()
    assert users.take() == 123_457
    with pytest.raises(LimitReached):
        users.take()
    register.processes = set()
    users.refresh()
    assert {users.take(), users.take()} == {123_456, 123_458}


def test_users_whose_processes_an_earlier_daemon_has_left_are_passed_over() -> None:
    register = FakeRegister(123_456)
    users = Users(RANGE, register)
    assert users.is_stale
    users.refresh()
    assert [users.take(), users.take()] == [123_457, 123_458]
    register.processes = set()
    users.refresh()
    assert users.take() == 123_456


def test_users_of_another_daemon_are_passed_over() -> None:
    register = FakeRegister()
    register.elsewhere = {123_456}
    users = Users(RANGE, register)
    assert [users.take(), users.take()] == [123_457, 123_458]
    with pytest.raises(LimitReached):
        users.take()
    register.elsewhere = set()
    users.refresh()
    assert users.take() == 123_456
    assert register.locked == users.living == {123_456, 123_457, 123_458}


def test_two_daemons_do_not_give_the_same_user(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom interpreterd.workers.isolation.uids import *\n"
        "users = Users(UserRange(123_456, 123_458), MachineRegister(sys.argv[1]))\n"
        "print(users.take(), users.take(), flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "locks")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"123456 123457\n"
        ours = Users(RANGE, MachineRegister(str(tmp_path / "locks")))
        assert ours.take() == 123_458
        with pytest.raises(LimitReached):
            ours.take()
        other.communicate()
    ours.refresh()
    assert ours.take() == 123_456
    register = ours._register
    assert isinstance(register, MachineRegister)
    assert register._fd is not None
    os.close(register._fd)


def test_without_a_place_for_locks_users_are_given_all_the_same(tmp_path: Path) -> None:
    register = MachineRegister(str(tmp_path / "none" / "locks"))
    assert register.lock(123_456)
    register.unlock(123_456)


@root_only
def test_a_users_processes_are_found_also_if_they_hide_themselves() -> None:
    code = (
        "import ctypes, os, sys\nos.setresuid(*[123_457] * 3)\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
        "print(flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as theirs:
        assert theirs.stdout is not None
        assert theirs.stdout.readline() == b"\n"
        assert MachineRegister("/none").busy(RANGE) == {123_457}
        theirs.communicate()
    assert MachineRegister("/none").busy(RANGE) == set()


@root_only
def test_what_a_user_has_left_in_memory_is_removed_before_another_context_has_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uids, "_SHARED_MEMORY", str(tmp_path))
    for name, user in (("theirs", 123_456), ("others", 123_457)):
        (tmp_path / name).touch()
        os.chown(tmp_path / name, user, user)
    MachineRegister("/none").clean(123_456)
    assert os.listdir(tmp_path) == ["others"]


@root_only
def test_this_machines_root_can_use_a_free_range() -> None:
    assert why_unusable(RANGE) is None


def test_a_daemon_that_is_not_root_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_unusable(RANGE) == "needs a daemon that runs as root"


@root_only
@pytest.mark.parametrize(
    ("held", "missing"),
    [("000001fffeffffdf", "CAP_KILL,"), ("000001fffeffff3f", "CAP_SETGID and CAP_SETUID,")],
)
def test_a_root_without_capabilities_cannot(monkeypatch: pytest.MonkeyPatch, held: str, missing: str) -> None:
    monkeypatch.setattr(uids, "_status", lambda process: {"CapEff": held})
    assert str(why_unusable(RANGE)).startswith(f"needs {missing}")


@root_only
def test_a_namespace_without_these_users_cannot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, span in (("uid_map", "0 1000 65536\n"), ("gid_map", "0 0 4294967295\n")):
        (tmp_path / name).write_text(span)
    monkeypatch.setattr(uids, "_MAPS", str(tmp_path))
    assert str(why_unusable(RANGE)).startswith("names users that this user namespace does not have")
    (tmp_path / "uid_map").write_text("0 1000 123457\n 123457 300000 2\n")
    assert why_unusable(RANGE) is None


@root_only
def test_a_range_with_a_user_of_the_machine_is_refused() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    assert str(why_unusable(UserRange(nobody, nobody))).startswith("must hold no user or group of this machine, and")


@root_only
def test_a_range_with_a_group_of_the_machine_is_refused() -> None:
    groups = {it.gr_gid: it.gr_name for it in grp.getgrall()}
    group = max(groups.keys() - {it.pw_uid for it in pwd.getpwall()} - {it.pw_gid for it in pwd.getpwall()})
    assert str(why_unusable(UserRange(group, group))).endswith(f"and holds {groups[group]}")
