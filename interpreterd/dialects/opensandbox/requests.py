"""The bodies of requests: each becomes a request of ``model``, or raises ``MalformedRequest`` or ``InvalidRequest``."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from interpreterd.http.fields import environment, flag, json_object, string, whole_number
from interpreterd.model.errors import InvalidRequest, MalformedRequest, UnsupportedLanguage
from interpreterd.model.requests import ID_LIMIT_CHARS, TIMEOUT_LIMIT_S, CreateContext, Execute

PYTHON: Final = "python"
MADE_HERE: Final = ("api", "opensandbox")
"""The metadata of contexts that this dialect has made."""
_RUN_KEYS: Final = frozenset({"code", "context"})
_CONTEXT_KEYS: Final = frozenset({"id", "language", "cwd"})
_COMMAND_KEYS: Final = frozenset({"command", "argv", "cwd", "background", "timeout", "uid", "gid", "envs"})


def parse_run(value: object) -> Execute:
    """Return the execution that a body of ``POST /code`` asks for. It has no time limit."""
    body = json_object(value, "the body", _RUN_KEYS)
    code = string(body, "code")
    if not code or not code.strip():
        raise InvalidRequest("code must be a string that is not empty")
    context = json_object(body.get("context", {}), "context", _CONTEXT_KEYS)
    check_language(string(context, "language"))
    context_id = string(context, "id") or None
    if context_id is not None and len(context_id) > ID_LIMIT_CHARS:
        raise InvalidRequest(f"context.id must be at most {ID_LIMIT_CHARS} characters long")
    return Execute(code=code, context_id=context_id, timeout_s=None, stays=False, refuses_input=True)


def parse_create(value: object) -> CreateContext:
    """Return the context that a body of ``POST /code/context`` asks for."""
    body = json_object(value, "the body", _CONTEXT_KEYS)
    check_language(string(body, "language"))
    return CreateContext(cwd=string(body, "cwd") or None, metadata=dict((MADE_HERE,)))


def check_language(language: str | None) -> None:
    """Raise ``UnsupportedLanguage`` for a language that is not Python; none is named by absence or an empty text."""
    if language not in (None, "", PYTHON):
        raise UnsupportedLanguage


@frozen(kw_only=True)
class Command:
    """A program to run.

    Attributes:
        command: What ``bash`` runs, or the program and its arguments.
        timeout_s: Rounded up; None for no limit.
    """

    command: str | Sequence[str]
    cwd: str | None = None
    timeout_s: int | None = None
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")

    @property
    def shown(self) -> str:
        """What the user would type."""
        return self.command if isinstance(self.command, str) else shlex.join(self.command)


def parse_command(value: object) -> Command:
    """Return the program that a body of ``POST /command`` asks for; it must run in the foreground, as this user."""
    body = json_object(value, "the body", _COMMAND_KEYS)
    text, argv = string(body, "command"), body.get("argv")
    if (text is None) == (argv is None):
        raise InvalidRequest("exactly one of command and argv must be given")
    if text is not None:
        if not text.strip() or "\0" in text:
            raise InvalidRequest("command must be a string that is not empty, without NUL")
        command: str | Sequence[str] = text
    else:
        if not isinstance(argv, list) or not all(isinstance(it, str) for it in argv):
            raise MalformedRequest("argv must be a list of strings")
        if not argv or not argv[0] or any("\0" in it for it in argv):
            raise InvalidRequest("argv must begin with the name of a program, and have no NUL")
        command = argv
    for key in ("uid", "gid"):
        if whole_number(body, key) is not None:
            raise InvalidRequest(f"{key} must be absent: commands run as the daemon's user")
    if flag(body, "background"):
        raise InvalidRequest("background must be false: commands in the background are not supported")
    timeout_ms = whole_number(body, "timeout")
    if timeout_ms is not None and not 1 <= timeout_ms <= TIMEOUT_LIMIT_S * 1000:
        raise InvalidRequest(f"timeout must be from 1 to {TIMEOUT_LIMIT_S * 1000}, in milliseconds")
    return Command(
        command=command,
        cwd=string(body, "cwd") or None,
        timeout_s=None if timeout_ms is None else -(-timeout_ms // 1000),
        envs=environment(body, "envs"),
    )
