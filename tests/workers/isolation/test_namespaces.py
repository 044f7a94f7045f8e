"""What a confined worker sees of the file system, as steps that make it."""

from pathlib import Path
from typing import Any

import pytest
from unshared import need, unshared

from interpreterd.workers.isolation.apart import ApartDirectory
from interpreterd.workers.isolation.namespaces import NO_NAMESPACES, Namespaces, Step, view

READ = ["ro", "nosuid", "nodev"]
WRITE = ["nosuid", "nodev"]


def steps_below(folder: Path, **paths: Any) -> list[Step]:
    seen = view(**{"read": (), "write": (), "own_proc": False, **paths})
    return [step for step in seen["steps"] if step[1].startswith(f"{folder}/") or step[1] == str(folder)]


def test_a_path_is_there_with_its_parents_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "c").mkdir()
    assert steps_below(tmp_path, read=[f"{tmp_path}/a/b/"]) == [
        ["dir", str(tmp_path), 0o555],
        ["dir", f"{tmp_path}/a", 0o555],
        ["bind", f"{tmp_path}/a/b", READ],
    ]


def test_what_is_written_below_what_is_read_comes_after_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for read, write in (["a"], ["a/b"]), (["a", "a/b"], ["a/b"]):
        paths = {"read": [f"{tmp_path}/{it}" for it in read], "write": [f"{tmp_path}/{it}" for it in write]}
        steps = steps_below(tmp_path, **paths)
        assert steps[1:] == [["bind", f"{tmp_path}/a", READ], ["bind", f"{tmp_path}/a/b", WRITE]]


def test_what_is_read_below_what_is_written_is_written(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    steps = steps_below(tmp_path, read=[f"{tmp_path}/a/b"], write=[f"{tmp_path}/a"])
    assert steps[1:] == [["bind", f"{tmp_path}/a", WRITE]]


def test_symbolic_links_on_the_way_are_there_with_their_targets(tmp_path: Path) -> None:
    (tmp_path / "real" / "b").mkdir(parents=True)
    (tmp_path / "relative").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative" / "." / ".." / "relative")
    assert steps_below(tmp_path, read=[f"{tmp_path}/absolute/b"])[1:] == [
        ["link", f"{tmp_path}/absolute", f"{tmp_path}/relative/../relative"],
        ["dir", f"{tmp_path}/real", 0o555],
        ["bind", f"{tmp_path}/real/b", READ],
        ["link", f"{tmp_path}/relative", "real"],
    ]


def test_a_link_out_of_a_directory_that_is_shown_has_its_target(tmp_path: Path) -> None:
    """As /etc/resolv.conf has it below /run."""
    for name in ("etc", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "run" / "file").write_text("found")
    (tmp_path / "run" / "other").write_text("")
    (tmp_path / "etc" / "file").symlink_to("../run/file")
    paths = [f"{tmp_path}/etc", f"{tmp_path}/etc/file"]
    assert steps_below(tmp_path, read=paths)[1:] == [
        ["bind", f"{tmp_path}/etc", READ],
        ["dir", f"{tmp_path}/run", 0o555],
        ["bind", f"{tmp_path}/run/file", READ],
    ]
    need("mount")
    code = f"print(json.dumps([open({paths[1]!r}).read(), os.listdir({str(tmp_path / 'run')!r})]))"
    assert unshared(code, ["mount"], read=["/usr", "/lib", "/lib64", *paths]) == ["found", ["file"]]


@pytest.mark.parametrize("path", ["no/such", "loop", "loop/further", "nul\0"])
def test_what_does_not_exist_is_left_out(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert [step for step in steps_below(tmp_path, read=[f"{tmp_path}/{path}"]) if step[0] == "bind"] == []


def test_the_root_stands_for_all_that_is_in_it_but_processes_and_devices() -> None:
    steps = view(read=["/"], write=[], own_proc=True)["steps"]
    assert ["bind", "/usr", READ] in steps
    assert [step for step in steps if step[0] == "bind" and step[1] in ("/", "/dev", "/proc")] == []
    assert ["mount", "/proc", "proc", None, ["ro", "nosuid", "nodev", "noexec"]] in steps


def test_a_device_that_is_named_is_a_device() -> None:
    assert ["bind", "/dev/zero", ["nosuid"]] in view(read=[], write=["/dev/zero"], own_proc=False)["steps"]


def test_directories_that_programs_expect_are_there_and_empty() -> None:
    steps = view(read=[], write=[], own_proc=False)["steps"]
    made = {step[1] for step in steps if step[0] == "dir"}
    assert {"/home", "/root", "/run", "/tmp", "/var", "/var/tmp", "/dev", "/proc"} <= made


def test_shared_memory_has_a_size() -> None:
    steps = view(read=[], write=[], own_proc=False, shm_bytes=4096)["steps"]
    assert [step[3].split(",")[0] for step in steps if step[1] == "/dev/shm" and step[0] == "mount"] == ["size=4096"]


def test_what_is_apart_is_covered_last_if_it_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "work" / "state").mkdir(parents=True)
    apart = [ApartDirectory.at(str(tmp_path / "work" / "state"))]
    cover = ["cover", apart[0].path, *apart[0].identity]
    for shown in (tmp_path, tmp_path / "work", tmp_path / "work" / "state"):
        assert view(read=[], write=[str(shown)], own_proc=False, apart=apart)["steps"][-1] == cover
    assert cover not in view(read=[str(tmp_path / "other")], write=[], own_proc=False, apart=apart)["steps"]


def test_a_user_namespace_comes_first_where_the_others_need_it() -> None:
    assert Namespaces().of("mount") == ("mount",)
    assert Namespaces(user=True).of("net", "mount") == ("user", "mount", "net")
    assert Namespaces(user=True, missing={"user": "why"}).of("mount") is None
    assert Namespaces(missing={"user": "why", "net": "why"}).of("mount", "pid") == ("mount", "pid")
    assert Namespaces(missing={"net": "why"}).of("mount", "net") is None


def test_what_can_be_had_of_a_profile_is_had_but_nothing_without_a_mount_namespace() -> None:
    assert Namespaces(user=True, missing={"net": "why"}).some("mount", "pid", "net") == ("user", "mount", "pid")
    assert Namespaces(missing={"mount": "why"}).some("mount", "pid") == ()
    assert NO_NAMESPACES.some("mount", "pid") == ()
