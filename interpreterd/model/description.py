"""What clients say of a context, when they make or change it, and what they see of it.

Requests are parsed as in ``schema``: into a request, or ``MalformedRequest`` or ``InvalidRequest``.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Any, Final, Self

from attrs import field, frozen

from interpreterd.model.environment import check_envs
from interpreterd.model.errors import InvalidRequest, InvalidWorkingDirectory, MalformedRequest, UnsupportedLanguage
from interpreterd.model.fields import as_whole, environment, json_object, names, string, utf8_bytes
from interpreterd.model.limits import NONE, Limits, check_limit
from interpreterd.model.schema import timestamp

METADATA_LIMIT: Final = 64
METADATA_LIMIT_BYTES: Final = 4096
CWD_LIMIT_BYTES: Final = 4096  # PATH_MAX, limits.h
ACTIVE: Final = ("idle", "busy")  # the states of a context that has a worker


@frozen(kw_only=True)
class CreateContext:
    """Make a context.

    Attributes:
        cwd: Absolute path of an existing directory; None for the daemon's own.
        preload: The modules that the daemon must preload; None for whatever it does.
        limits: Tighter ones than the daemon's own.
        envs: Environment variables of all its executions.
        metadata: What the client wants to remember; see ``patched``.
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
    """Change a context: a JSON merge patch (RFC 7396) of what can be changed.

    Attributes:
        metadata: What to set, or to remove where the value is None; None to remove all.
    """

    metadata: Mapping[str, str | None] | None = field(factory=dict)

    @classmethod
    def parse(cls, value: object) -> Self:
        body = json_object(value, "the body", {"metadata"})
        if isinstance(value, dict) and value.get("metadata", "") is None:
            return cls(metadata=None)
        return cls(metadata=_patch(body, "metadata"))


@frozen(kw_only=True)
class ContextInfo:
    """What clients see of a context.

    Attributes:
        created_at: As clients read it; see ``model.timestamp``.
        state: ``starting``, ``idle``, ``busy`` or ``dead``: without a worker; the next execution starts one.
        last_used_at: When an execution was submitted or ended last, in seconds since the epoch.
        executions: How many have begun to run.
        queued: How many wait.
        limits: Shown only where there are any.
        pid: The worker's, by which to look at what it uses; never shown. None without a worker.
    """

    id: str
    cwd: str
    created_at: str
    state: str
    last_used_at: float
    executions: int = 0
    queued: int = 0
    metadata: Mapping[str, str] = field(factory=dict, repr=lambda metadata: f"<{len(metadata)} pairs>")
    limits: Limits = NONE
    pid: int | None = None

    @property
    def active(self) -> bool:
        """Whether a worker is there."""
        return self.state in ACTIVE

    def to_json(self) -> dict[str, Any]:
        limits = self.limits.to_json()
        return {
            "id": self.id,
            "cwd": self.cwd,
            "language": "python",
            "createdAt": self.created_at,
            "active": self.active,
            "state": self.state,
            "lastUsedAt": timestamp(self.last_used_at),
            "executionCount": self.executions,
            "queued": self.queued,
            "metadata": dict(self.metadata),
            **({"limits": limits} if limits else {}),
        }


def patched(metadata: Mapping[str, str], patch: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return ``metadata`` with ``patch``, as ``ChangeContext`` has it; raise ``InvalidRequest`` if it is too much."""
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
