"""The daemon's side of host functions, for tests that drive a worker."""

from collections.abc import Callable
from typing import Any

from worker_driver import DrivenWorker, Ran

FUNCTIONS = [
    {"name": "search", "async": False, "signature": "(query: str, *, limit: int = 3) -> list", "doc": "Finds things."},
    {"name": "fetch", "async": True, "signature": "(url)", "doc": ""},
    {"name": "github.find", "async": False, "signature": "", "doc": ""},
]
Answer = Callable[..., Any]


def start_calling(worker: DrivenWorker, code: str, *functions: dict[str, Any], **more: Any) -> str:
    """Start an execution that may call ``functions``, or ``FUNCTIONS``; return its id."""
    worker._ids += 1
    name = str(worker._ids)
    offered = [{"async": False, "signature": "", "doc": "", **it} for it in functions or FUNCTIONS]
    worker.send({"type": "execute", "id": name, "code": code, "envs": {}, "functions": offered, **more})
    return name


def next_call(worker: DrivenWorker) -> dict[str, Any]:
    """Return the next message, which must be a call."""
    message = worker.receive()
    assert message is not None, worker.output()
    assert message["type"] == "called", (message, worker.output())
    return message


def give(worker: DrivenWorker, call: dict[str, Any], value: Any) -> None:
    """Answer a call: an exception is raised, anything else is returned."""
    if isinstance(value, Exception):
        told = {"type": "raised", "name": type(value).__name__, "value": str(value)}
    else:
        told = {"type": "returned", "value": value}
    worker.send({**told, "number": call["number"]})


def calls(worker: DrivenWorker, code: str, answer: Answer, *functions: dict[str, Any], **more: Any) -> Ran:
    """Run ``code``; answer each call by ``answer(name, *args, **kwargs)``, which may raise, or return an exception."""
    start_calling(worker, code, *functions, **more)
    while True:
        message = worker.receive()
        if message is None or message["type"] not in ("called", "dropped"):
            return Ran(message, worker.output())
        if message["type"] == "called":
            try:
                value = answer(message["name"], *message["args"], **message["kwargs"])
            except Exception as error:
                value = error
            give(worker, message, value)


def echo(name: str, *args: Any, **kwargs: Any) -> Any:
    """Answer with what was asked."""
    return [name, list(args), kwargs]


def printed(worker: DrivenWorker, code: str, answer: Answer = echo, **more: Any) -> str:
    """Run ``code``, which must not fail or write to stderr; return its stdout."""
    ran = calls(worker, code, answer, **more)
    assert (ran.error, ran.stderr) == (None, "")
    return ran.stdout
