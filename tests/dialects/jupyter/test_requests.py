"""Requests for kernels."""

from typing import Any

import pytest

from interpreterd.dialects.jupyter.requests import parse_new_kernel
from interpreterd.model.errors import InvalidRequest, MalformedRequest


def test_only_variables_of_kernels_pass() -> None:
    asked = parse_new_kernel({"name": "python3", "env": {"KERNEL_USERNAME": "u", "PATH": "/evil", "HOME": "/x"}})
    assert asked.envs == {"KERNEL_USERNAME": "u", "KERNEL_GATEWAY": "1"}
    assert asked.cwds == ()


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": ""}, {"name": "python3", "env": None, "other": 1}])
def test_everything_is_optional(body: dict[str, Any]) -> None:
    assert parse_new_kernel(body).cwds == ()


@pytest.mark.parametrize(
    ("body", "cwds"),
    [
        ({"path": "/a/b.ipynb"}, ("/a/b.ipynb", "/a", "a/b.ipynb", "a")),
        ({"env": {"KERNEL_WORKING_DIR": "/w"}}, ("/w",)),
        ({"path": "/a", "env": {"KERNEL_WORKING_DIR": "/w"}}, ("/a", "/w", "a")),
        ({"path": "below/x.ipynb"}, ("below/x.ipynb", "below")),
        ({"path": "x.ipynb"}, ("x.ipynb",)),
        ({"path": "/a\0b"}, ()),
        ({"path": "/" + "x" * 5000}, ()),
    ],
)
def test_a_directory_is_the_path_or_the_working_directory(body: dict[str, Any], cwds: tuple[str, ...]) -> None:
    assert parse_new_kernel(body).cwds == cwds


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ([], MalformedRequest, "the body must be a JSON object"),
        ({"name": 1}, MalformedRequest, "name must be a string"),
        ({"name": "ruby"}, InvalidRequest, "there is no kernel ruby"),
        ({"path": 1}, MalformedRequest, "path must be a string"),
        ({"env": {"KERNEL_X": 1}}, MalformedRequest, "env must be an object whose values are strings"),
        ({"env": {"KERNEL_X": "\0"}}, InvalidRequest, "env must have"),
    ],
)
def test_a_wrong_value_is_named(body: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        parse_new_kernel(body)
