"""Bodies of requests: what they ask for, and the sentence about a wrong one."""

from typing import Any

import pytest

from interpreterd.dialects.opensandbox.requests import Command, parse_command, parse_create, parse_run
from interpreterd.model.errors import InterpreterError


def test_code_has_no_time_limit_and_ends_with_its_client() -> None:
    asked = parse_run({"code": " x", "context": {"language": "python", "id": "c", "more": 1}, "more": 1})
    assert (asked.code, asked.context_id, asked.timeout_s, asked.stays) == (" x", "c", None, False)
    assert parse_run({"code": "x"}).context_id is None
    assert parse_run({"code": "x", "context": {"id": "", "language": ""}}).context_id is None


def test_a_context_may_have_a_directory() -> None:
    assert parse_create({"language": "python", "cwd": "/"}).cwd == "/"
    made = parse_create({})
    assert (made.cwd, made.metadata) == (None, {"api": "opensandbox"})


def test_a_command_is_a_text_or_a_list() -> None:
    asked = parse_command({"command": "a b", "cwd": "/", "timeout": 1500, "envs": {"A": "1"}, "background": False})
    assert asked == Command(command="a b", cwd="/", timeout_s=2, envs={"A": "1"})
    assert parse_command({"argv": ["a", ""]}).command == ["a", ""]


@pytest.mark.parametrize(
    ("parse", "value", "sentence"),
    [
        (parse_run, [], "the body must be a JSON object"),
        (parse_run, {}, "code must be a string that is not empty"),
        (parse_run, {"code": " "}, "code must be a string that is not empty"),
        (parse_run, {"code": 1}, "code must be a string"),
        (parse_run, {"code": "x", "context": "c"}, "context must be a JSON object"),
        (parse_run, {"code": "x", "context": {"id": 1}}, "id must be a string"),
        (parse_run, {"code": "x", "context": {"id": "i" * 1001}}, "context.id must be at most 1000 characters long"),
        (parse_run, {"code": "x", "context": {"language": "go"}}, "Unsupported language. Only 'python' is supported."),
        (parse_create, {"language": "go"}, "Unsupported language. Only 'python' is supported."),
        (parse_create, {"language": 1}, "language must be a string"),
        (parse_create, {"cwd": 1}, "cwd must be a string"),
        (parse_command, {}, "exactly one of command and argv must be given"),
        (parse_command, {"command": "a", "argv": ["a"]}, "exactly one of command and argv must be given"),
        (parse_command, {"command": ""}, "command must be a string that is not empty, without NUL"),
        (parse_command, {"command": "a\0"}, "command must be a string that is not empty, without NUL"),
        (parse_command, {"argv": "a"}, "argv must be a list of strings"),
        (parse_command, {"argv": [1]}, "argv must be a list of strings"),
        (parse_command, {"argv": []}, "argv must begin with the name of a program, and have no NUL"),
        (parse_command, {"argv": ["a", "\0"]}, "argv must begin with the name of a program, and have no NUL"),
        (parse_command, {"command": "a", "uid": 1}, "uid must be absent: commands run as the daemon's user"),
        (parse_command, {"command": "a", "timeout": 0}, "timeout must be from 1 to 4294967295000, in milliseconds"),
        (parse_command, {"command": "a", "envs": {"A": 1}}, "envs must be an object whose values are strings"),
    ],
)
def test_a_wrong_body_is_told_by_the_key(parse: Any, value: Any, sentence: str) -> None:
    with pytest.raises(InterpreterError) as caught:
        parse(value)
    assert str(caught.value) == sentence


def test_commands_in_the_background_are_refused() -> None:
    with pytest.raises(InterpreterError, match="background must be false"):
        parse_command({"command": "a", "background": True})
