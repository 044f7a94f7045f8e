"""Requests from JSON, checked at the edge.

Each function takes decoded JSON; for any value, it returns a request or raises ``MalformedRequest`` or
``InvalidRequest``. A key whose value is ``null`` is absent; unknown keys are ignored, since newer clients may send
more.
"""

from collections.abc import Iterable

from attrs import frozen

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
    DEFAULT_TIMEOUT_S,
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
    message = json_object(
        value,
        "the message",
        {
            "code",
            "contextId",
            "timeout",
            "graceS",
            "envs",
            "onDisconnect",
            "events",
            "stdin",
            "interactive",
            "charts",
            "imageFormat",
            "formats",
            "showSaved",
            "files",
            "background",
            "results",
            "silent",
            "counted",
            "expressions",
            "pages",
            "stopOnError",
            "origin",
            "messageId",
        },
    )
    code = string(message, "code")
    context_id = string(message, "contextId")
    timeout_s = whole_number(message, "timeout")
    envs = environment(message, "envs")
    check_late_envs(envs)
    if not code:
        raise InvalidRequest("code must not be empty")
    if len(context_id or "") > ID_LIMIT_CHARS:
        raise InvalidRequest(f"contextId must be at most {ID_LIMIT_CHARS} characters long")
    if timeout_s is None:
        timeout_s = DEFAULT_TIMEOUT_S
    elif not 0 <= timeout_s <= TIMEOUT_LIMIT_S:
        raise InvalidRequest(f"timeout must be a number of seconds from 0 (none) to {TIMEOUT_LIMIT_S}")
    origin = string(message, "origin") or ""
    if len(origin) > ORIGIN_LIMIT_CHARS:
        raise InvalidRequest(f"origin must be at most {ORIGIN_LIMIT_CHARS} characters long")
    message_id = string(message, "messageId") or ""
    if len(message_id) > MESSAGE_ID_LIMIT_CHARS:
        raise InvalidRequest(f"messageId must be at most {MESSAGE_ID_LIMIT_CHARS} characters long")
    numbered = choice(message, "events", ("v1", "v2")) == "v2"
    execute = Execute(
        code=code,
        context_id=context_id or None,
        timeout_s=timeout_s or None,
        grace_s=seconds(message, "graceS"),
        envs=envs,
        stays=choice(message, "onDisconnect", ("continue", "interrupt")) == "continue",
        stdin=flag(message, "stdin"),
        interactive=flag(message, "interactive"),
        charts=flag(message, "charts"),
        image_format=None if message.get("imageFormat") is None else choice(message, "imageFormat", IMAGE_FORMATS),
        formats=_formats(message),
        shows_saved=flag(message, "showSaved"),
        results=flag(message, "results") if "results" in message else numbered or not contract,
        files=flag(message, "files"),
        silent=flag(message, "silent"),
        counted=flag(message, "counted") if "counted" in message else True,
        expressions=_expressions(message),
        pages=flag(message, "pages"),
        stop_on_error=flag(message, "stopOnError"),
        origin=origin,
        message_id=message_id,
    )
    return ExecuteMessage(execute, numbered=numbered, background=flag(message, "background"))


def _formats(message: dict[str, object]) -> tuple[str, ...] | None:
    asked = names(message, "formats")
    if asked is not None and not asked <= set(FORMATS):
        raise InvalidRequest(f"formats must be a list of {', '.join(FORMATS)}")
    return None if asked is None else tuple(format for format in FORMATS if format in asked)


def _expressions(message: dict[str, object]) -> dict[str, str]:
    value = message.get("expressions", {})
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise MalformedRequest("expressions must be an object whose values are strings")
    check_expressions(value)
    return value


def parse_create(value: object) -> CreateContext:
    """Return the request for a new context."""
    body = json_object(value, "the body", {"cwd", "language", "preload", "limits", "envs", "metadata"})
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
        envs=envs,
        metadata=patched({}, _patch(body, "metadata")),
    )


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


def _patch(body: dict[str, object], key: str) -> dict[str, str | None]:
    value = body.get(key, {})
    if not isinstance(value, dict) or not all(item is None or isinstance(item, str) for item in value.values()):
        raise MalformedRequest(f"{key} must be an object whose values are strings")
    if any(not name or "=" in name for name in value):
        raise InvalidRequest(f"{key} must have keys without '=', not empty")
    return value
