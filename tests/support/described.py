"""openapi.json and asyncapi.json, and functions that compare answers and messages with them.

The schemas are open: a newer daemon may send more keys. For tests they are closed: this daemon sends no key that is
not described.
"""

import functools
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from harness import PREFIX
from jsonschema import Draft202012Validator
from paths import ROOT
from referencing import Registry
from referencing.jsonschema import DRAFT202012

NATIVE = ROOT / "interpreterd" / "dialects" / "native"
OPENAPI: dict[str, Any] = json.loads((NATIVE / "openapi.json").read_bytes())
ASYNCAPI: dict[str, Any] = json.loads((NATIVE / "asyncapi.json").read_bytes())
OPEN, CLOSED = "http://localhost/open/", "http://localhost/closed/"  # only names: no request goes there
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, item in OPENAPI["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
BINARY = "*/*"
# Headers of HTTP itself or of aiohttp, which the documents leave out; and one that each answer has, as they begin with.
PLAIN_HEADERS = {"content-type", "content-length", "date", "server", "transfer-encoding", "x-request-id"}
WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def _closed(node: Any, document: str, *, part: bool = False) -> Any:
    """Return ``node`` with every object closed to unnamed keys. A ``part`` of an ``allOf`` stays open."""
    if isinstance(node, list):
        return [_closed(item, document, part=part) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value, document, part=part or key == "allOf") for key, value in node.items()}
    if part and isinstance(node.get("$ref"), str):
        name, _, pointer = node["$ref"].partition("#")
        closed["$ref"] = f"{OPEN}{name or document}#{pointer}"
    if not part and ("allOf" in node or isinstance(node.get("properties"), dict)):
        closed["unevaluatedProperties"] = False
    return closed


def _documents() -> Iterator[tuple[str, Any]]:
    for name, document in (("openapi.json", OPENAPI), ("asyncapi.json", ASYNCAPI)):
        yield f"{OPEN}{name}", DRAFT202012.create_resource(document)
        yield f"{CLOSED}{name}", DRAFT202012.create_resource(_closed(document, name))


REGISTRY: Registry[Any] = Registry().with_resources(_documents())


@functools.cache
def validator(pointer: str, document: str = "openapi.json", *, closed: bool = True) -> Any:
    """Return a validator for the schema at ``pointer``."""
    uri = f"{CLOSED if closed else OPEN}{document}#{pointer}"
    return Draft202012Validator({"$ref": uri}, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)


def schema(name: str, *, closed: bool = True) -> Any:
    """Return a validator for the schema of this name, from either document."""
    document = "asyncapi.json" if name in ASYNCAPI["components"]["schemas"] else "openapi.json"
    return validator(f"/components/schemas/{name}", document, closed=closed)


def sent_by_client(channel: str) -> list[str]:
    """Return pointers into asyncapi.json: the payloads of clients' messages on ``channel``."""
    return _payloads(channel, "receive")


def sent_by_daemon(channel: str) -> list[str]:
    """Return pointers into asyncapi.json: the payloads of the daemon's messages on ``channel``."""
    return _payloads(channel, "send")


def _payloads(channel: str, action: str) -> list[str]:
    (operation,) = [
        operation
        for operation in ASYNCAPI["operations"].values()
        if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{channel}"
    ]
    names = [message["$ref"].rpartition("/")[2] for message in operation["messages"]]
    return [f"/components/messages/{name}/payload" for name in names]


def is_described(value: Any, payloads: list[str], *, closed: bool = True) -> bool:
    """Return whether ``value`` is valid for one of these payloads."""
    return any(validator(pointer, "asyncapi.json", closed=closed).is_valid(value) for pointer in payloads)


def resolved(node: dict[str, Any], pointer: str) -> tuple[dict[str, Any], str]:
    """Follow a reference of openapi.json; return its target and the target's pointer."""
    while "$ref" in node and len(node) == 1:
        pointer = node["$ref"].removeprefix("#")
        node = OPENAPI
        for key in pointer.split("/")[1:]:
            node = node[key]
    return node, pointer


def documented() -> set[tuple[str, int, str | None, str | None]]:
    """Return all documented answers: operation, status, media type, error code."""
    answers = set()
    for name, (_, _, operation) in OPERATIONS.items():
        for status, reference in operation["responses"].items():
            said, _ = resolved(reference, "")
            for media, content in said.get("content", {None: {}}).items():
                properties = content.get("schema", {}).get("properties", {})
                codes = properties.get("code", {}).get("enum", [None])
                answers |= {(name, int(status), media, code) for code in codes}
    return answers


class Walk:
    """Sends requests, and compares each answer with its description.

    Attributes:
        seen: All answers so far, in the form of ``documented``.
    """

    def __init__(self, request: Callable[..., Any], seen: set[Any]) -> None:
        """Send requests with ``request(method, path, **options)``, as ``aiohttp.ClientSession.request``."""
        self._request = request
        self.seen = seen

    async def __call__(
        self,
        name: str,
        status: int,
        code: str | None = None,
        *,
        id: str = "nobody",
        call: str = "1",
        file: str = "file",
        checkpoint: str = "nothing",
        query: str = "",
        meanwhile: Callable[[], Awaitable[Any]] | None = None,
        **options: Any,
    ) -> Any:
        """Send one request, await ``meanwhile`` between the answer's headers and body; return its JSON."""
        method, path, operation = OPERATIONS[name]
        async with self._request(
            method.upper(), path.format(id=id, path=file, call=call, checkpoint=checkpoint) + query, **options
        ) as response:
            assert response.status == status, await response.text()
            if meanwhile is not None:
                await meanwhile()
            body = await response.read() if status != 101 else b""
        place = path.replace("~", "~0").replace("/", "~1")
        pointer = f"/paths/{place}/{method}/responses/{status}"
        said, pointer = resolved(operation["responses"][str(status)], pointer)
        self._check_headers(response.headers, said.get("headers", {}), status)
        if "content" not in said:
            assert body == b""
            self.seen.add((name, status, None, None))
            return None
        if BINARY in said["content"]:
            self.seen.add((name, status, BINARY, None))
            return body
        media = response.content_type
        assert media in said["content"], f"{name}: {media}"
        values = list(parse(media, body))
        judge = validator(f"{pointer}/content/{media.replace('/', '~1')}/schema")
        for value in values:
            judge.validate(value)
        self.seen.add((name, status, media, values[0].get("code") if status >= 400 else None))
        assert code is None or values[0]["code"] == code, values
        return values[0] if media == "application/json" else values

    def _check_headers(self, headers: Any, said: dict[str, Any], status: int) -> None:
        upgrade = {"upgrade", "connection", "sec-websocket-accept"} if status == 101 else set()
        undescribed = {name.lower() for name in headers} - {name.lower() for name in said} - PLAIN_HEADERS - upgrade
        assert not undescribed
        for name, reference in said.items():
            header, pointer = resolved(reference, "")
            value = headers.get(name)
            if value is None:
                assert not header.get("required"), name
            else:
                whole = header["schema"].get("type") == "integer"
                validator(f"{pointer}/schema").validate(int(value) if whole else value)


def parse(media: str, body: bytes) -> Iterator[Any]:
    """Yield the JSON values in a body: one, or one for each event."""
    if media == "application/json":
        yield json.loads(body)
    elif media in ("text/plain", "application/openmetrics-text"):
        yield body.decode()
    elif media == "application/x-ndjson":
        assert body.endswith(b"\n")
        yield from map(json.loads, body.splitlines())
    else:
        assert media == "text/event-stream"
        for event in body.removesuffix(b"\n\n").split(b"\n\n"):
            number, data = event.split(b"\n")
            value = json.loads(data.removeprefix(b"data: "))
            assert number == b"id: %d" % value["seq"]
            yield value


def example_of(request: str, status: int) -> Any:
    """Return a validator for the body of an answer in ``tests/golden/http.jsonl``."""
    method, _, path = request.partition(" ")
    operation = OPENAPI["paths"][PREFIX + path][method.lower()]
    place = (PREFIX + path).replace("/", "~1")
    said, pointer = resolved(operation["responses"][str(status)], f"/paths/{place}/{method.lower()}/responses/{status}")
    assert "application/json" in said["content"]
    return validator(f"{pointer}/content/application~1json/schema")


def headed() -> set[str]:
    """Return the operations that also answer HEAD: each GET with one JSON document or a file as its answer."""
    gets = {name: operation for name, (method, _, operation) in OPERATIONS.items() if method == "get"}
    return {
        name
        for name, operation in gets.items()
        if list(operation["responses"].get("200", {}).get("content", ())) in (["application/json"], [BINARY])
    }
