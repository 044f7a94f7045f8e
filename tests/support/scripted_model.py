"""A model without a network: an HTTP endpoint that speaks Anthropic's and OpenAI's APIs and gives planned replies."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field, frozen


@frozen
class Call:
    """A reply that calls a tool."""

    tool: str
    arguments: dict[str, Any]


Reply = Call | str


@define
class Scripted:
    """The endpoint.

    Attributes:
        replies: Given in turn; the last one again and again.
        asked: The bodies of all requests.
    """

    replies: list[Reply]
    url: str = ""
    asked: list[Any] = field(factory=list)

    def answer(self, path: str, body: Any) -> dict[str, Any]:
        """Return the next reply, in the form of the API that has this path."""
        self.asked.append(body)
        number = min(len(self.asked), len(self.replies))
        reply = self.replies[number - 1]
        if path.endswith("/messages"):
            return anthropic(reply, number)
        return responses(reply, number) if path.endswith("/responses") else completion(reply, number)


def anthropic(reply: Reply, number: int) -> dict[str, Any]:
    """Return a reply of Anthropic's Messages API."""
    if isinstance(reply, Call):
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": reply.tool, "input": reply.arguments}
    else:
        block = {"type": "text", "text": reply}
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": [block],
        "stop_reason": "tool_use" if isinstance(reply, Call) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def completion(reply: Reply, number: int) -> dict[str, Any]:
    """Return a reply of OpenAI's Chat Completions."""
    message: dict[str, Any] = {"role": "assistant", "content": None if isinstance(reply, Call) else reply}
    if isinstance(reply, Call):
        function = {"name": reply.tool, "arguments": json.dumps(reply.arguments)}
        message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if isinstance(reply, Call) else "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def responses(reply: Reply, number: int) -> dict[str, Any]:
    """Return a reply of OpenAI's Responses."""
    item: dict[str, Any] = {"id": f"item_{number}", "status": "completed"}
    if isinstance(reply, Call):
        item |= {"type": "function_call", "call_id": f"call_{number}", "name": reply.tool}
        item["arguments"] = json.dumps(reply.arguments)
    else:
        content = [{"type": "output_text", "text": reply, "annotations": []}]
        item |= {"type": "message", "role": "assistant", "content": content}
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "model": "scripted",
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 1,
            "output_tokens": 1,
            "total_tokens": 2,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


@contextlib.contextmanager
def scripted(*replies: Reply) -> Iterator[Scripted]:
    """Serve ``replies`` for the block."""
    model = Scripted(list(replies))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            data = json.dumps(model.answer(self.path.partition("?")[0], body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        model.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()
