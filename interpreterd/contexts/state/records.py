"""The record of a context that outlives the daemon: what is needed to offer it again, as values of JSON.

A record may be of an older daemon, or of a newer one: ``parse_record`` returns it, or says why it cannot.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from attrs import field, frozen

from interpreterd.model.digest import utf8_bytes
from interpreterd.model.environment import check_envs
from interpreterd.model.errors import InterpreterError
from interpreterd.model.isolation import (
    NETWORKS,
    NO_ISOLATION_REQUEST,
    PROFILES,
    IsolationRequest,
    check_paths,
    check_ports,
)
from interpreterd.model.limits import MOST, NONE, Limits, check_limit
from interpreterd.model.requests import CWD_LIMIT_BYTES, ID_LIMIT_CHARS, CreateContext, patched

FORMAT: Final = 1


class BadRecord(ValueError):
    """The record cannot be used; says why."""


class NewerRecord(BadRecord):
    """The record is of a newer daemon, which may be able to use it."""


@frozen(kw_only=True)
class ContextRecord:
    """A context that outlives the daemon.

    Attributes:
        cwd: As it was chosen, with symbolic links.
        created_at: In seconds since the epoch; likewise ``last_used_at``.
        limits: Those that its client asked for: the daemon's own are those of today.
        isolation: What its client asked for; likewise.
        begun: How many executions had begun when ``archive_id`` was written; see ``Origin``. Likewise ``count`` and
            ``count_before``.
        archive_id: Its latest archive; None if it had nothing to keep.
        forked_from: The context that it is a fork of; empty if it is none.
    """

    id: str
    cwd: str
    created_at: float
    last_used_at: float
    metadata: Mapping[str, str] = field(factory=dict, repr=lambda metadata: f"<{len(metadata)} pairs>")
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    limits: Limits = NONE
    isolation: IsolationRequest = NO_ISOLATION_REQUEST
    tenant: str = ""
    begun: int = 0
    count: int = 0
    count_before: int = 0
    archive_id: str | None = None
    forked_from: str = ""

    def request(self) -> CreateContext:
        """Return the request that made it."""
        return CreateContext(
            cwd=self.cwd,
            limits=self.limits,
            isolation=self.isolation,
            envs=self.envs,
            metadata=self.metadata,
            tenant=self.tenant,
            persistent=True,
        )


def record_body(record: ContextRecord) -> dict[str, Any]:
    """Return ``record`` as a JSON object, of some 150 KiB at most: most of that are environment variables."""
    body = {it.name: getattr(record, it.name) for it in attrs.fields(ContextRecord)}
    body["metadata"], body["envs"] = dict(record.metadata), dict(record.envs)
    body["limits"] = {name: value for name in Limits.kinds() if (value := getattr(record.limits, name)) is not None}
    body["isolation"] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in attrs.asdict(record.isolation).items()
        if value is not None
    }
    return {"format": FORMAT, **body}


def parse_record(body: object) -> ContextRecord:
    """Return the record in a value of JSON. Raises ``BadRecord`` if it is none."""
    if not isinstance(body, dict):
        raise BadRecord("it is not a JSON object")
    version = body.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadRecord("format must be a whole number from 1 on")
    if version > FORMAT:
        raise NewerRecord(f"it is of a newer interpreterd: format {version}, and this one reads {FORMAT}")
    values: dict[str, Any] = {}
    for it in attrs.fields(ContextRecord):
        value = body.get(it.name)
        if value is None:
            if it.default is attrs.NOTHING:
                raise BadRecord(f"{it.name} is missing")
            continue
        try:
            values[it.name] = _KINDS[it.name](value)
        except BadRecord as error:
            raise BadRecord(f"{it.name} {error}") from None
        except InterpreterError as error:
            raise BadRecord(f"{it.name}: {error}") from None
    return ContextRecord(**values)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(limit_chars: int) -> Callable[[object], str]:
    def kind(value: object) -> str:
        if not isinstance(value, str) or len(value) > limit_chars or "\0" in value:
            raise BadRecord(f"must be a string of at most {limit_chars} characters, without NUL")
        return value

    return kind


def _directory(value: object) -> str:
    text = _text(CWD_LIMIT_BYTES)(value)
    if not text.startswith("/") or utf8_bytes(text) > CWD_LIMIT_BYTES:
        raise BadRecord(f"must be an absolute path of at most {CWD_LIMIT_BYTES} bytes")
    return text


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        raise BadRecord("must be a number of seconds")
    return float(value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        raise BadRecord("must be a whole number from 0 on")
    return value


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise BadRecord("must be an object whose values are strings")
    return value


def _envs(value: object) -> dict[str, str]:
    envs = _texts(value)
    if any(not name or "=" in name or "\0" in name + text for name, text in envs.items()):
        raise BadRecord("must have names without '=', not empty, and no NUL")
    check_envs(envs)
    return envs


def _metadata(value: object) -> dict[str, str]:
    return patched({}, _texts(value))


def _limits(value: object) -> Limits:
    kinds = Limits.kinds()
    if not isinstance(value, dict) or not value.keys() <= kinds.keys():
        raise BadRecord("must be an object, and have no unknown keys")
    for name, limit in value.items():
        if not _is_whole(limit) and (kinds[name].metadata["whole"] or not isinstance(limit, float)):
            raise BadRecord(f"must have a number as {name}")
        check_limit(kinds[name], limit)
    return Limits(**value)


def _isolation(value: object) -> IsolationRequest:
    names = [it.name for it in attrs.fields(IsolationRequest)]
    if not isinstance(value, dict) or not value.keys() <= set(names):
        raise BadRecord("must be an object, and have no unknown keys")
    for name, choices in (("profile", PROFILES), ("network", NETWORKS)):
        if value.get(name) is not None and value[name] not in choices:
            raise BadRecord(f"must have one of {', '.join(choices)} as {name}")
    given = dict(value)
    if given.get("ports") is not None:
        if not isinstance(given["ports"], list) or not all(map(_is_whole, given["ports"])):
            raise BadRecord("must have a list of whole numbers as ports")
        given["ports"] = check_ports("ports", given["ports"])
    for name in ("read_paths", "write_paths"):
        if given.get(name) is not None:
            if not isinstance(given[name], list) or not all(isinstance(path, str) for path in given[name]):
                raise BadRecord(f"must have a list of strings as {name}")
            given[name] = check_paths(name, given[name])
    return IsolationRequest(**given)


_ID: Final = _text(ID_LIMIT_CHARS)
_KINDS: Final[Mapping[str, Callable[[object], Any]]] = {
    "id": _ID,
    "cwd": _directory,
    "created_at": _time,
    "last_used_at": _time,
    "metadata": _metadata,
    "envs": _envs,
    "limits": _limits,
    "isolation": _isolation,
    "tenant": _ID,
    "begun": _count,
    "count": _count,
    "count_before": _count,
    "archive_id": _ID,
    "forked_from": _ID,
}
