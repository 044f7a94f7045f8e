"""Requests of clients, checked at the edge.

``parse`` makes a request of decoded JSON; for any value, it returns a request or raises ``MalformedRequest`` or
``InvalidRequest``. A key whose value is ``null`` is absent; unknown keys are ignored, since newer clients may send
more.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any, Final, Self

from attrs import field, frozen

from interpreterd.model.digest import Digest
from interpreterd.model.environment import check_envs, check_late_envs
from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory, MalformedRequest, UnsupportedLanguage
from interpreterd.model.fields import (
    as_whole,
    choice,
    environment,
    flag,
    json_object,
    names,
    seconds,
    string,
    utf8_bytes,
    whole_number,
)
from interpreterd.model.limits import NONE, Limits, check_limit

DEFAULT_TIMEOUT_S: Final = 600
TIMEOUT_LIMIT_S: Final = 2**32 - 1  # the field is an unsigned 32-bit integer in the clients' own schema
ID_LIMIT_CHARS: Final = 1000  # of a context's id, which the daemon repeats if it does not know it
ORIGIN_LIMIT_CHARS: Final = 256
METADATA_LIMIT: Final = 64
METADATA_LIMIT_BYTES: Final = 4096
CWD_LIMIT_BYTES: Final = 4096  # PATH_MAX, limits.h


@frozen(kw_only=True)
class Execute:
    """Run ``code`` as one execution.

    Attributes:
        code: Python source, not empty.
        context_id: None for the default context.
        timeout_s: Wall-clock seconds from its start, queueing not counted; None for no limit.
        grace_s: Seconds between an interrupt and the kill; None for the daemon's own.
        envs: Environment variables, for this execution only.
        stays: Whether it goes on when its client's connection ends; otherwise it is interrupted.
        numbered: Whether the client wants the events of version 2: with their number, and the execution's id.
        stdin: Whether ``input()`` asks the client.
        interactive: Whether the values of its expressions are printed, as at Python's own prompt.
        background: Whether no client waits for it; only over HTTP.
        origin: The client's name for itself, for other clients that follow the context.
        digest: Of the code, if it is already known: computing it takes long for long code.
    """

    code: str = field(repr=lambda code: f"<{len(code)} chars>")
    context_id: str | None = None
    timeout_s: int | None = DEFAULT_TIMEOUT_S
    grace_s: float | None = None
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    stays: bool = True
    numbered: bool = False
    stdin: bool = False
    interactive: bool = False
    background: bool = False
    origin: str = ""
    digest: Digest | None = field(default=None, repr=False, eq=False)

    @classmethod
    def parse(cls, value: object) -> Self:
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
                "background",
                "origin",
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
        return cls(
            code=code,
            context_id=context_id or None,
            timeout_s=timeout_s or None,
            grace_s=seconds(message, "graceS"),
            envs=envs,
            stays=choice(message, "onDisconnect", ("continue", "interrupt")) == "continue",
            numbered=choice(message, "events", ("v1", "v2")) == "v2",
            stdin=flag(message, "stdin"),
            interactive=flag(message, "interactive"),
            background=flag(message, "background"),
            origin=origin,
        )


@frozen(kw_only=True)
class CreateContext:
    """Make a context.

    Attributes:
        cwd: Absolute path of an existing directory; None for the daemon's own.
        preload: The modules that the daemon must preload; None if that does not matter.
        limits: Tighter ones than the daemon's own.
        envs: Environment variables of all its executions.
        metadata: The client's notes; see ``patched``.
    """

    cwd: str | None = None
    preload: Set[str] | None = None
    limits: Limits = NONE
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    metadata: Mapping[str, str] = field(factory=dict, repr=lambda metadata: f"<{len(metadata)} pairs>")

    @classmethod
    def parse(cls, value: object) -> Self:
        body = json_object(value, "the body", {"cwd", "language", "preload", "limits", "envs", "metadata"})
        language = string(body, "language")
        if language not in (None, "", "python"):
            raise UnsupportedLanguage
        envs = environment(body, "envs")
        check_envs(envs)
        cwd = string(body, "cwd") or None
        if utf8_bytes(cwd or "") > CWD_LIMIT_BYTES:
            raise InvalidWorkingDirectory(f"working directory is longer than {CWD_LIMIT_BYTES} bytes: {cwd}")
        return cls(
            cwd=cwd,
            preload=names(body, "preload"),
            limits=_limits(body, "limits"),
            envs=envs,
            metadata=patched({}, _patch(body, "metadata")),
        )


@frozen(kw_only=True)
class ChangeContext:
    """Change a context, by a JSON merge patch (RFC 7396).

    Attributes:
        metadata: The pairs to set, or to remove if the value is None; None to remove all.
    """

    metadata: Mapping[str, str | None] | None = field(factory=dict)

    @classmethod
    def parse(cls, value: object) -> Self:
        body = json_object(value, "the body", {"metadata"})
        if isinstance(value, dict) and value.get("metadata", "") is None:
            return cls(metadata=None)
        return cls(metadata=_patch(body, "metadata"))


def patched(metadata: Mapping[str, str], patch: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return ``metadata`` with ``patch``, as for ``ChangeContext``; raise ``InvalidRequest`` if it is too much."""
    both = {} if patch is None else {**metadata, **patch}
    changed = {key: value for key, value in both.items() if value is not None}
    if len(changed) > METADATA_LIMIT:
        raise InvalidRequest(f"metadata must have at most {METADATA_LIMIT} pairs")
    if sum(utf8_bytes(key) + utf8_bytes(value) for key, value in changed.items()) > METADATA_LIMIT_BYTES:
        raise InvalidRequest(f"metadata must be at most {METADATA_LIMIT_BYTES} bytes long, keys and values together")
    return changed


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


def _limits(body: dict[str, object], key: str) -> Limits:
    kinds = Limits.kinds()
    given = json_object(body.get(key, {}), key, kinds.keys())
    values: dict[str, Any] = {}
    for name, kind in kinds.items():
        value = given.get(name)
        if value is None:
            continue
        whole = kind.metadata["whole"]
        number = as_whole(value)
        if number is None and not whole and isinstance(value, float):
            values[kind.name] = value
        elif number is not None:
            values[kind.name] = number
        else:
            raise MalformedRequest(f"{key}.{name} must be a {'whole ' if whole else ''}number")
        check_limit(kind, values[kind.name])
    return Limits(**values)
