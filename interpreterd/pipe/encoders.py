"""The encoders, without I/O: messages to bytes of the channel."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from interpreterd.model.looks import Task
from interpreterd.pipe.archiving import Given, Load, WriteArchive, archive_request_body
from interpreterd.pipe.branching import Branch, Giving, branch_body
from interpreterd.pipe.calls import CancelCall, Raise, Return, call_end_body, declared
from interpreterd.pipe.confinement import confinement_body
from interpreterd.pipe.messages import Answer, Configure, Exit, Fork, Leave, Run, Sync, ToWorker

PIECE_CHARS: Final = 64 << 10  # takes half a millisecond to encode, at worst


def encode(message: ToWorker) -> bytes:
    """Return ``message`` as one line, newline included."""
    return orjson.dumps(_body(message), option=orjson.OPT_APPEND_NEWLINE)


def text_of(message: ToWorker) -> str:
    """Return the part of ``message`` that may be long."""
    if isinstance(message, Run):
        return message.request.code
    if isinstance(message, Return):
        return message.value.text
    return message.text or "" if isinstance(message, Answer) else ""


def encode_in_pieces(message: ToWorker) -> Iterator[bytes]:
    """Yield the line that ``encode`` returns, except for the order of keys, in parts of some ``PIECE_CHARS``."""
    text = text_of(message)
    if len(text) <= PIECE_CHARS:
        yield encode(message)
        return
    if isinstance(message, Return):
        yield b'{"type":"returned","number":%d,"value":' % message.number
        yield from (text[start : start + PIECE_CHARS].encode() for start in range(0, len(text), PIECE_CHARS))
        yield b"}\n"
        return
    body = _body(message)
    key = "code" if isinstance(message, Run) else "text"
    del body[key]
    yield orjson.dumps(body)[:-1] + f',"{key}":"'.encode()
    for start in range(0, len(text), PIECE_CHARS):  # each character can be cut off, as there are no surrogates
        yield orjson.dumps(text[start : start + PIECE_CHARS])[1:-1]
    yield b'"}\n'


def _body(message: ToWorker) -> dict[str, Any]:
    body: dict[str, Any]
    match message:
        case Configure():
            body = {"type": "configure", "cwd": message.cwd, "envs": dict(message.envs)}
            limits = {
                "data": message.data_bytes,
                "file": message.file_bytes,
                "files": message.open_files,
                "processes": message.processes,
            }
            if limits := {name: limit for name, limit in limits.items() if limit is not None}:
                body["limits"] = limits
                if not message.writes:
                    limits["closed"] = True
            if message.confine is not None:
                body["confine"] = confinement_body(message.confine)
        case Run():
            body = _run(message)
        case Answer():
            body = {"type": "answer", "number": message.number, "text": message.text}
        case Return() | Raise() | CancelCall():
            body = call_end_body(message)
        case Sync():
            body = {"type": "sync"}
        case Exit():
            body = {"type": "exit"}
        case Leave():
            body = {"type": "leave"}
        case Fork():
            body = {"type": "fork"}
        case WriteArchive() | Load() | Given():
            body = archive_request_body(message)
        case Branch() | Giving():
            body = branch_body(message)
    return body


def _run(message: Run) -> dict[str, Any]:
    request = message.request
    body = {
        "type": "execute",
        "id": message.execution_id,
        "code": request.code,
        "envs": dict(request.envs),
        "stdin": request.stdin,
    }
    if request.counts:
        body["number"] = message.number
    body["results"] = request.results and not request.silent
    if request.interactive:
        body["interactive"] = True
    if request.charts:
        body["charts"] = True
    if request.files:
        body["files"] = True
    if request.functions:
        body["functions"] = declared(request.functions)
    if request.image_format is not None:
        body["imageFormat"] = request.image_format
    if request.formats is not None:
        body["formats"] = request.formats
    if request.shows_saved:
        body["showSaved"] = True
    if request.refuses_input:
        body["refusesInput"] = True
    if request.task is not None:
        body["task"] = _task(request.task)
    if request.comm is not None:
        to = request.comm
        body["task"] = {"kind": "comm", "action": to.action, "id": to.comm_id, "target": to.target}
    if request.expressions:
        body["expressions"] = dict(request.expressions)
    if request.pages:
        body["pages"] = True
    if request.message_id:
        body["messageId"] = request.message_id
    return body


def _task(task: Task) -> dict[str, Any]:
    match task.kind:
        case "history":
            asked = task.history
            return {
                "kind": task.kind,
                "access": asked.access,
                "n": asked.n,
                "start": asked.start,
                "stop": asked.stop,
                "pattern": asked.pattern,
                "unique": asked.unique,
                "output": asked.output,
            }
        case "comms":
            return {"kind": task.kind, "target": task.target}
        case kind:
            return {"kind": kind, "cursor": task.cursor, "detail": task.detail}
