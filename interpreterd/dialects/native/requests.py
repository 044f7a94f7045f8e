"""Requests from JSON, checked at the edge.

Each function takes decoded JSON; for any value, it returns a request or raises ``MalformedRequest`` or
``InvalidRequest``. A key whose value is ``null`` is absent; unknown keys are ignored, since newer clients may send
more.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import frozen

from interpreterd.dialects.native.calls import parse_functions
from interpreterd.dialects.native.isolation import parse_isolation
from interpreterd.dialects.native.limits import parse_limits
from interpreterd.http.fields import (
    choice,
    environment,
    flag,
    json_object,
    names,
    seconds,
    string,
    whole_number,
)
from interpreterd.model.digest import utf8_bytes
from interpreterd.model.environment import check_envs, check_late_envs
from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory, MalformedRequest, UnsupportedLanguage
from interpreterd.model.requests import (
    CWD_LIMIT_BYTES,
    FORMATS,
    ID_LIMIT_CHARS,
    IMAGE_FORMATS,
    MESSAGE_ID_LIMIT_CHARS,
    ORIGIN_LIMIT_CHARS,
    TIMEOUT_LIMIT_S,
    ChangeContext,
    CreateContext,
    Execute,
    check_expressions,
    patched,
)


@frozen
class ExecuteMessage:
    """A request for an execution, and the form of the answer that its client wants.

    Attributes:
        numbered: Whether the client wants the events of version 2: with their number, and the execution's id.
        background: Whether no client waits for it; only over HTTP.
    """

    execute: Execute
    numbered: bool = False
    background: bool = False


def parse_execute(value: object, *, contract: bool = False) -> ExecuteMessage:
    """Return the request to run code, from any route.

    On the route of the ``contract``, clients of version 1 get results only if they ask for them.
    """
    message = json_object(value, "the message", _OPTIONS.keys())
    asked = {_OPTIONS[key].name: _OPTIONS[key].parse(message, key) for key in message}
    code = asked.pop("code", None)
    if not code:
        raise InvalidRequest("code must not be empty")
    numbered = asked.pop("numbered", False)
    background = asked.pop("background", False)
    if contract and not numbered:
        asked.setdefault("results", False)
        if asked.get("functions"):
            raise InvalidRequest('functions must come with "events": "v2", in which calls are told')
    return ExecuteMessage(Execute(code=code, **asked), numbered=numbered, background=background)


def _at_most(limit_chars: int) -> Callable[[dict[str, object], str], str | None]:
    def short(message: dict[str, object], key: str) -> str | None:
        text = string(message, key)
        if text is not None and len(text) > limit_chars:
            raise InvalidRequest(f"{key} must be at most {limit_chars} characters long")
        return text

    return short


def _context_id(message: dict[str, object], key: str) -> str | None:
    return _short_id(message, key) or None


def _timeout_s(message: dict[str, object], key: str) -> int | None:
    timeout_s = whole_number(message, key)
    if timeout_s is None or not 0 <= timeout_s <= TIMEOUT_LIMIT_S:
        raise InvalidRequest(f"timeout must be a number of seconds from 0 (none) to {TIMEOUT_LIMIT_S}")
    return timeout_s or None


def _envs(message: dict[str, object], key: str) -> dict[str, str]:
    envs = environment(message, key)
    check_late_envs(envs)
    return envs


def _stays(message: dict[str, object], key: str) -> bool:
    return choice(message, key, ("continue", "interrupt")) == "continue"


def _numbered(message: dict[str, object], key: str) -> bool:
    return choice(message, key, ("v1", "v2")) == "v2"


def _image_format(message: dict[str, object], key: str) -> str:
    return choice(message, key, IMAGE_FORMATS)


def _formats(message: dict[str, object], key: str) -> tuple[str, ...]:
    asked = names(message, key) or frozenset()
    if not asked <= set(FORMATS):
        raise InvalidRequest(f"formats must be a list of {', '.join(FORMATS)}")
    return tuple(format for format in FORMATS if format in asked)


def _expressions(message: dict[str, object], key: str) -> dict[str, str]:
    value = message.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise MalformedRequest("expressions must be an object whose values are strings")
    check_expressions(value)
    return value


@frozen
class _Option:
    """A key of a request to run code.

    Attributes:
        name: The field of ``Execute``, or of ``ExecuteMessage``.
        parse: Takes the message and the key, which is there; returns the field's value.
    """

    name: str
    parse: Callable[[dict[str, object], str], Any]


_short_id: Final = _at_most(ID_LIMIT_CHARS)
_OPTIONS: Final[Mapping[str, _Option]] = {
    "code": _Option("code", string),
    "contextId": _Option("context_id", _context_id),
    "timeout": _Option("timeout_s", _timeout_s),
    "graceS": _Option("grace_s", seconds),
    "envs": _Option("envs", _envs),
    "onDisconnect": _Option("stays", _stays),
    "events": _Option("numbered", _numbered),
    "stdin": _Option("stdin", flag),
    "interactive": _Option("interactive", flag),
    "charts": _Option("charts", flag),
    "imageFormat": _Option("image_format", _image_format),
    "formats": _Option("formats", _formats),
    "showSaved": _Option("shows_saved", flag),
    "files": _Option("files", flag),
    "functions": _Option("functions", parse_functions),
    "background": _Option("background", flag),
    "results": _Option("results", flag),
    "silent": _Option("silent", flag),
    "counted": _Option("counted", flag),
    "expressions": _Option("expressions", _expressions),
    "pages": _Option("pages", flag),
    "stopOnError": _Option("stop_on_error", flag),
    "origin": _Option("origin", _at_most(ORIGIN_LIMIT_CHARS)),
    "checkpoint": _Option("checkpoint", flag),
    "messageId": _Option("message_id", _at_most(MESSAGE_ID_LIMIT_CHARS)),
}


_CREATE: Final = frozenset(
    {"cwd", "language", "preload", "limits", "isolation", "envs", "metadata", "archive", "persistent"}
)


def parse_create(value: object) -> CreateContext:
    """Return the request for a new context."""
    body = json_object(value, "the body", _CREATE)
    language = string(body, "language")
    if language not in (None, "", "python"):
        raise UnsupportedLanguage
    envs = environment(body, "envs")
    check_envs(envs)
    cwd = string(body, "cwd") or None
    if utf8_bytes(cwd or "") > CWD_LIMIT_BYTES:
        raise InvalidWorkingDirectory(f"working directory is longer than {CWD_LIMIT_BYTES} bytes: {cwd}")
    return CreateContext(
        cwd=cwd,
        preload=names(body, "preload"),
        limits=parse_limits(body),
        isolation=parse_isolation(body),
        envs=envs,
        metadata=parse_metadata(body),
        archive=_archive(body),
        persistent=flag(body, "persistent") if "persistent" in body else None,
    )


def _archive(body: dict[str, object]) -> str | None:
    archive = string(body, "archive")
    if archive == "":
        raise InvalidRequest("archive must be the id or the name of an archive, not empty")
    return archive


def parse_change(value: object) -> ChangeContext:
    """Return the request for a change. Only here ``null`` is not an absent key: for ``metadata``, it removes all."""
    body = json_object(value, "the body", {"metadata"})
    if isinstance(value, dict) and value.get("metadata", "") is None:
        return ChangeContext(metadata=None)
    return ChangeContext(metadata=_patch(body, "metadata"))


def parse_labels(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Return ``labels``, each as ``key=value``, as pairs of metadata; raise ``MalformedRequest``."""
    pairs = [label.partition("=") for label in labels]
    if not all(key and separator for key, separator, _ in pairs):
        raise MalformedRequest("label must be a key of metadata, '=' and its value")
    return [(key, value) for key, _, value in pairs]


def parse_metadata(body: dict[str, object]) -> dict[str, str]:
    """Return the ``metadata`` of a new context. Raises ``MalformedRequest`` or ``InvalidRequest``."""
    return patched({}, _patch(body, "metadata"))


def _patch(body: dict[str, object], key: str) -> dict[str, str | None]:
    value = body.get(key, {})
    if not isinstance(value, dict) or not all(item is None or isinstance(item, str) for item in value.values()):
        raise MalformedRequest(f"{key} must be an object whose values are strings")
    if any(not name or "=" in name for name in value):
        raise InvalidRequest(f"{key} must have keys without '=', not empty")
    return value
