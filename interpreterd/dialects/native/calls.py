"""Host functions over this API: which ones an execution has, its open calls, and the answers to them."""

from typing import Any

import orjson
from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.http.answers import json_response, listing_response
from interpreterd.http.bodies import read_json
from interpreterd.http.fields import flag, json_object, string
from interpreterd.http.keys import SETTINGS
from interpreterd.model.displays import Json
from interpreterd.model.errors import InvalidRequest, MalformedRequest
from interpreterd.model.functions import (
    ERROR_VALUE_LIMIT_CHARS,
    VALUE_LIMIT_BYTES,
    CallAnswer,
    FunctionCall,
    HostFunction,
    HostRaised,
    PendingCall,
    Returned,
    check_functions,
)
from interpreterd.model.names import EVENT_STREAM, JSON, NDJSON


def parse_functions(body: dict[str, object], key: str = "functions") -> tuple[HostFunction, ...]:
    """Return the functions of a request. Raises ``MalformedRequest`` or ``InvalidRequest``."""
    value = body.get(key, [])
    if not isinstance(value, list):
        raise MalformedRequest("functions must be a list of objects")
    functions = tuple(map(_parse_function, value))
    check_functions(functions)
    return functions


def _parse_function(value: object) -> HostFunction:
    body = json_object(value, "each item of functions", {"name", "async", "signature", "doc"})
    name = string(body, "name")
    if name is None:
        raise MalformedRequest("functions must have a name each")
    signature, doc = string(body, "signature") or "", string(body, "doc") or ""
    return HostFunction(name=name, is_async=flag(body, "async"), signature=signature, doc=doc)


def parse_call_answer(message: dict[str, Any]) -> CallAnswer:
    """Return the answer to a call: its ``value``, or its ``error``. Raises ``MalformedRequest``, ``InvalidRequest``."""
    if ("value" in message) == (message.get("error") is not None):
        raise MalformedRequest("the answer must have either value or error")
    if "value" in message:
        return Returned(value=_parse_value(message["value"]))
    error = message["error"]
    if not isinstance(error, dict) or not isinstance(error.get("name"), str):
        raise MalformedRequest("error must be an object with the strings name and value")
    value = string(error, "value") or ""
    if len(error["name"]) > ERROR_VALUE_LIMIT_CHARS or len(value) > ERROR_VALUE_LIMIT_CHARS:
        raise InvalidRequest(f"error must have a name and a value of at most {ERROR_VALUE_LIMIT_CHARS} characters each")
    return HostRaised(name=error["name"], value=value)


def _parse_value(value: object) -> Json:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError as error:  # too deep
        raise InvalidRequest(f"value must be JSON that is nested less deep: {error}") from None
    if len(text) > VALUE_LIMIT_BYTES:
        raise InvalidRequest(f"value must be at most {VALUE_LIMIT_BYTES} bytes of JSON; it has {len(text)}")
    return Json(text.decode())


def parse_call_id(message: dict[str, Any]) -> str:
    """Return the id of the call that a message answers. Raises ``MalformedRequest``."""
    call_id = message.get("callId")
    if not isinstance(call_id, str) or not call_id:
        raise MalformedRequest("callId must be the id of a call")
    return call_id


def check_form(functions: tuple[HostFunction, ...], form: str) -> None:
    """Raise ``InvalidRequest`` if nobody could answer calls while the answer of this form is made."""
    if functions and form == JSON:
        raise InvalidRequest(
            f"functions must come with an Accept of {NDJSON} or {EVENT_STREAM}, or with background: "
            "else no client learns of a call before the end"
        )


def call_body(call: PendingCall | FunctionCall) -> dict[str, Any]:
    """Return an open call as clients see it."""
    args, kwargs = orjson.Fragment(call.args.text), orjson.Fragment(call.kwargs.text)
    return {"callId": call.call_id, "name": call.name, "args": args, "kwargs": kwargs}


def names_call(data: bytes) -> bool:
    """Return whether a message may be the answer to a call, which may be long: its first or last KiB has the key."""
    return b'"callId"' in data[:1024] or b'"callId"' in data[-1024:]


async def list_calls(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Show the calls of an execution that wait for an answer."""
    calls = await service.calls(request.match_info["id"])
    return listing_response("calls", [(call.call_id, call_body(call)) for call in calls])


async def answer_call(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Answer a call: the first answer counts."""
    body = await read_json(request, request.app[SETTINGS].body_limit_bytes, is_light=True)
    if not isinstance(body, dict):
        raise MalformedRequest("the body must be a JSON object")
    execution_id, call_id = request.match_info["id"], request.match_info["call"]
    accepted = await service.answer_call(execution_id, call_id, parse_call_answer(body))
    did = "accepted" if accepted else "idle"
    return json_response({"accepted": accepted, "did": did, "executionId": execution_id, "callId": call_id})
