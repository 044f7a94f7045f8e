"""Variables that Python reads only at its start: a context may set them, an execution may not."""

import pytest

from interpreterd.model.environment import (
    PYTHONPATH,
    absolute_path,
    at_start,
    check_envs,
    check_late_envs,
    started_with,
)
from interpreterd.model.errors import InvalidRequest

READ_BY_PYTHON = ["PYTHONHASHSEED", "PYTHONPATH", "PYTHON_GIL", "GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_ARENA_MAX"]
READ_BY_LIBRARIES = ["LC_ALL", "OMP_NUM_THREADS", "MKL_DEBUG", "OPENBLAS_VERBOSE", "LANG", "HOME"]
READ_ANY_TIME = ["PATH", "TZ", "MY_KEY", "PYTHONBREAKPOINT", "PYTHONSTARTUP", "XLC_ALL", "LANGUAGES"]


def test_a_worker_is_started_with_what_is_read_then() -> None:
    envs = dict.fromkeys([*READ_BY_PYTHON, *READ_BY_LIBRARIES, *READ_ANY_TIME], "/x")
    assert set(at_start(envs, "/")) == {*READ_BY_PYTHON, *READ_BY_LIBRARIES}
    assert at_start(dict.fromkeys(READ_ANY_TIME, "x"), "/") == {}


def test_a_pythonpath_is_relative_to_the_contexts_directory() -> None:
    assert absolute_path("lib:../other:/abs:.", "/w/dir") == "/w/dir/lib:/w/other:/abs:/w/dir"
    assert at_start({"PYTHONPATH": "lib"}, "/w") == {"PYTHONPATH": "/w/lib"}
    assert at_start({"PYTHONPATH": ""}, "/w") == {"PYTHONPATH": ""}


def test_a_worker_itself_starts_without_the_users_modules() -> None:
    environment = {"PYTHONPATH": "/w/lib", "A": "1"}
    assert started_with(environment) == {PYTHONPATH: "/w/lib", "A": "1"}
    assert environment == {"PYTHONPATH": "/w/lib", "A": "1"}
    assert started_with({"PYTHONPATH": "", "A": "1"}) == {"A": "1"}


@pytest.mark.parametrize("name", READ_BY_PYTHON)
def test_an_execution_cannot_set_what_has_been_read(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"envs of an execution cannot set {name}: it is read when Python starts"):
        check_late_envs({"A": "1", name: "1"})
    check_envs({name: "1"})


@pytest.mark.parametrize("name", READ_BY_LIBRARIES + READ_ANY_TIME)
def test_an_execution_may_set_what_others_still_read(name: str) -> None:
    check_late_envs({name: "1"})


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8", "utf-8:strict", ""])
def test_output_may_be_said_to_be_utf8(encoding: str) -> None:
    check_envs({"PYTHONIOENCODING": encoding})
    if ":" not in encoding and encoding:
        check_late_envs({"PYTHONIOENCODING": encoding})


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16:strict", "ascii"])
def test_output_cannot_be_said_to_be_anything_else(encoding: str) -> None:
    with pytest.raises(InvalidRequest, match="only to utf-8"):
        check_envs({"PYTHONIOENCODING": encoding})
