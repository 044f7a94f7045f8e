"""Code that publishes output data, for tests: it finds the worker's own ``publish``."""

from worker_driver import DrivenWorker, Ran

from interpreterd.model.comms import comm_content
from interpreterd.model.events import Event
from interpreterd.pipe.bundles import Bundle, BundleDecoder
from interpreterd.pipe.turns import DISPLAY

FOUND = (
    'publish = type(exit).__call__.__globals__["__builtins__"]["__import__"]("worker.publisher").publisher.publish\n'
)


def published(code: str) -> str:
    """Return ``code`` with a function ``publish``."""
    return FOUND + code


def bundles(ran: Ran) -> list[Bundle]:
    """Return the output data of an execution."""
    return BundleDecoder().feed(b"".join(data for pipe, data in ran.pieces if pipe == DISPLAY))


def valued(worker: DrivenWorker, code: str) -> Ran:
    """Run ``code``, whose result is wanted."""
    worker.send({"type": "execute", "id": "valued", "code": code, "envs": {}, "results": True})
    return Ran(worker.receive(), worker.output())


def ran(worker: DrivenWorker, code: str, **more: object) -> Ran:
    """Run ``code``, which counts and whose result is wanted; ``more`` are keys of the message."""
    worker._ids += 1
    number = str(worker._ids)
    message = {"type": "execute", "id": number, "code": code, "envs": {}, "results": True, "number": 1, **more}
    worker.send({key: value for key, value in message.items() if value is not None})
    return Ran(worker.receive(), worker.output())


def told(worker: DrivenWorker, code: str, **more: object) -> list[Event]:
    """Run ``code`` as ``ran``; return what it has published beside output data. It must not fail."""
    done = ran(worker, code, **more)
    assert done.error is None, done.error["traceback"]
    return [bundle.event for bundle in bundles(done) if bundle.event is not None]


def to_comm(
    worker: DrivenWorker, action: str, comm_id: str, content: str = "", *, target: str = "", **more: object
) -> Ran:
    """Give a client's message to a comm; ``content`` is as ``comm_content`` makes it."""
    task = {"kind": "comm", "action": action, "id": comm_id, "target": target}
    return ran(worker, content or comm_content(), number=None, task=task, **more)
