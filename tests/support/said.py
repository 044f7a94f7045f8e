"""Parses flags and variables of ``interpreterd serve``."""

import contextlib
import io
from typing import Any

import pytest

from interpreterd.flags import Chosen, Parser, flag_of, variable_of


def parse(*arguments: str, **environ: str) -> dict[str, Any]:
    """Return all settings by name."""
    return Chosen.by(Parser("interpreterd serve"), arguments, environ).settings.values()


def said(name: str, text: str) -> Any:
    """Return the value of a setting that its flag and its variable both give."""
    value, other = parse(f"{flag_of(name)}={text}")[name], parse(**{variable_of(name): text})[name]
    assert value == other
    return value


def refusal(name: str, text: str) -> str:
    """Return why a flag's value is refused. Its variable must be refused for the same reason."""
    flag, variable = flag_of(name), variable_of(name)
    by_flag = _refused(f"{flag}={text}").removeprefix(f"interpreterd serve: error: argument {flag}: ")
    by_variable = _refused(**{variable: text}).removeprefix(f"interpreterd serve: error: {variable}: ")
    end = ". See `interpreterd serve --help`.\n"
    for error in (by_flag, by_variable):
        assert error.endswith(end)
        assert "interpreterd serve: error:" not in error, "it must name the flag or the variable"
    if "choose from" not in by_flag:  # only argparse, for the flag, says so
        assert by_flag == by_variable
    return by_flag.removesuffix(end)


def _refused(*arguments: str, **environ: str) -> str:
    with contextlib.redirect_stderr(io.StringIO()) as stderr, pytest.raises(SystemExit) as ended:
        parse(*arguments, **environ)
    assert ended.value.code == 2
    return stderr.getvalue()
