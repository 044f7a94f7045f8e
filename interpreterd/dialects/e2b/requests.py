"""Bodies of requests, checked at the edge. A key that is null is absent; unknown keys are ignored."""

from http import HTTPStatus
from typing import Final

from attrs import frozen

from interpreterd.dialects.e2b.errors import refusal, unprocessable
from interpreterd.http.fields import environment, json_object
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import MalformedRequest
from interpreterd.model.names import JSON
from interpreterd.model.requests import COLUMNS, E2B_CHART, Execute

PYTHON: Final = "python"
_ALIASES: Final = {"js": "javascript", "ts": "typescript"}
_LANGUAGE_LIMIT_CHARS: Final = 100


@frozen
class NewContext:
    """A request for a context; without a directory, it has the daemon's."""

    cwd: str | None


def parse_execute(value: object) -> Execute:
    """Return the request to run code. Raises ``Refusal``, or as ``environment``."""
    body = _object(value, frozenset({"code", "context_id", "language", "env_vars"}))
    if "code" not in body:
        raise unprocessable("missing", ("code",), "Field required")
    code = _string(body, "code") or ""
    context_id = _string(body, "context_id")
    language = _string(body, "language")
    if context_id and language:
        raise refusal(HTTPStatus.BAD_REQUEST, "Only one of context_id or language can be provided")
    _check_language(language)
    return Execute(
        code=code or "\n",  # an empty text is code, too
        context_id=named(context_id),
        timeout_s=None,  # the client ends its connection instead
        envs=environment(body, "env_vars"),
        stays=False,
        formats=(JSON, COLUMNS, E2B_CHART),
        shows_saved=True,
        refuses_input=True,
    )


def parse_create(value: object) -> NewContext:
    """Return the request for a context. Raises ``Refusal``."""
    body = _object(value, frozenset({"cwd", "language"}))
    _check_language(_string(body, "language"))
    return NewContext(_string(body, "cwd") or None)


def named(context_id: str | None) -> str | None:
    """Return the id of a context as the port has it: None for the default context."""
    return None if context_id in (None, "", DEFAULT_CONTEXT_ID) else context_id


def _check_language(language: str | None) -> None:
    """Raise ``Refusal`` unless the language is Python: E2B's server says the same of one that it does not have."""
    name = (language or PYTHON).lower().strip()
    name = _ALIASES.get(name, name) or PYTHON
    if name != PYTHON:
        sentence = f"Failed to create context: the language {name[:_LANGUAGE_LIMIT_CHARS]} is not available here"
        raise refusal(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)


def _object(value: object, known: frozenset[str]) -> dict[str, object]:
    try:
        return json_object(value, "the body", known)
    except MalformedRequest as error:
        raise unprocessable("model_attributes_type", (), str(error)) from None


def _string(body: dict[str, object], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise unprocessable("string_type", (key,), "Input should be a valid string")
    return value
