"""Answers to a client's requests: one function for each kind, ``ANSWERS`` is the table.

What needs no code of the context is answered at once. Executions and looks at the namespace take their turn in the
context; what is told of an execution is told by its ``Session``.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from interpreterd import __version__
from interpreterd.dialects.jupyter.contents import (
    look,
    parse_comm,
    parse_execute,
    parse_history,
    parse_look,
    parse_target,
)
from interpreterd.dialects.jupyter.envelope import Incoming
from interpreterd.dialects.jupyter.kernel import JupyterKernel, Parent
from interpreterd.dialects.jupyter.looks import found_content, refusal_content
from interpreterd.dialects.jupyter.messages import PROTOCOL_VERSION, answered, published, reply, status
from interpreterd.dialects.jupyter.session import Session
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import InterpreterError
from interpreterd.model.events import Finished
from interpreterd.model.looks import Task, TaskKind
from interpreterd.model.requests import Execute
from interpreterd.monitoring.happenings import tell_refusal

_log = logging.getLogger(__name__)
_Answer = Callable[[JupyterKernel, Session, Incoming], Awaitable[None]]


async def answer(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    """Answer a request. One of an unknown kind is only said to be over, as ipykernel does."""
    kind = request.kind
    respond = ANSWERS.get(kind)
    if respond is None:
        await session.answer(status("busy", request.header), status("idle", request.header))
        return
    try:
        await respond(kernel, session, request)
    except InterpreterError as error:
        tell_refusal(error)
        if kind in _WITHOUT_REPLY:
            await session.answer(status("busy", request.header), status("idle", request.header))
            return
        await _reply(session, request, refusal_content(error))


async def _reply(session: Session, request: Incoming, content: dict[str, Any]) -> None:
    kind = request.kind.replace("_request", "_reply")
    await session.answer(*answered(reply(request.channel, kind, content, request.header)))


async def _kernel_info(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    await _reply(session, request, await _info(kernel))


async def _info(kernel: JupyterKernel) -> dict[str, Any]:
    python = await kernel.service.python()
    return {
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "interpreterd",
        "implementation_version": __version__,
        "language_info": {
            "name": "python",
            "version": python.version,
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": int(python.version.partition(".")[0])},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        },
        "banner": f"Python {python.version}, run by interpreterd {__version__}\n",
        "help_links": [
            {"text": "Python Reference", "url": f"https://docs.python.org/{'.'.join(python.version.split('.')[:2])}"}
        ],
        "debugger": False,
        "supported_features": [],
    }


async def _execute(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    asked = parse_execute(request.content, kernel.context_id, origin=session.origin, message_id=request.message_id)
    if not asked.silent and session.batch.includes(request.header):
        await _reply(session, request, {"status": "aborted"})
        return
    if asked.code.strip():
        await session.execute(asked, Parent(request.header, asked.code, silent=asked.silent))
        return
    count = (await kernel.service.get(kernel.context_id)).executions
    content = {"status": "ok", "execution_count": count, "user_expressions": {}, "payload": []}
    busy, done, idle = answered(reply(request.channel, "execute_reply", content, request.header))
    shown = (
        ()
        if asked.silent
        else (published("execute_input", {"code": asked.code, "execution_count": count}, done.parent),)
    )
    await session.answer(busy, *shown, done, idle)


async def _input(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    value = request.content.get("value")
    await session.give(value if isinstance(value, str) else "")


async def _complete(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    await _look(kernel, session, request, "complete")


async def _inspect(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    await _look(kernel, session, request, "inspect")


async def _is_complete(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    await _look(kernel, session, request, "isComplete")


async def _look(kernel: JupyterKernel, session: Session, request: Incoming, kind: TaskKind) -> None:
    await _begin_look(kernel, session, request, parse_look(request.content, kind, kernel.context_id))


async def _begin_look(kernel: JupyterKernel, session: Session, request: Incoming, asked: Execute) -> None:
    """Begin to look at the namespace; the answer comes once the context has had time for it."""
    session.check_room()
    task = asked.task
    assert task is not None
    submission = await kernel.service.look(asked)

    async def wait() -> None:
        try:
            await session.tell(status("busy", request.header))
            async for _, event in submission:
                if isinstance(event, Finished):
                    content = found_content(task, event)
                    answer = reply(request.channel, request.kind.replace("_request", "_reply"), content, request.header)
                    await session.answer(answer, status("idle", request.header))
        finally:
            submission.stop()

    session.begin(wait())


async def _history(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    query = parse_history(request.content)
    if query is None:
        await _reply(session, request, {"status": "ok", "history": []})
        return
    await _begin_look(kernel, session, request, look(Task(kind="history", history=query), kernel.context_id))


async def _comm_info(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    task = Task(kind="comms", target=parse_target(request.content))
    await _begin_look(kernel, session, request, look(task, kernel.context_id))


async def _comm(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    asked = parse_comm(request, kernel.context_id, origin=session.origin)
    await session.execute(asked, Parent(request.header, "", silent=True))


async def _interrupt(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    await kernel.service.interrupt(kernel.context_id)
    await _reply(session, request, {"status": "ok"})


async def _shutdown(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    # The default context is there for all clients, and ends with the daemon.
    restart = request.content.get("restart") is True or kernel.context_id == DEFAULT_CONTEXT_ID
    await _reply(session, request, {"status": "ok", "restart": restart})
    try:
        await (kernel.restart() if restart else kernel.service.delete(kernel.context_id))
    except InterpreterError as error:  # the request has its reply
        _log.warning("kernel %s: %s", kernel.context_id, error)


async def _debug(kernel: JupyterKernel, session: Session, request: Incoming) -> None:
    """Refuse, in the form of the Debug Adapter Protocol: there is no debugger."""
    content = {
        "type": "response",
        "request_seq": request.content.get("seq", 0),
        "success": False,
        "command": request.content.get("command", ""),
        "message": "this kernel has no debugger",
        "body": {},
    }
    await _reply(session, request, content)


_WITHOUT_REPLY: Final = frozenset({"input_reply", "comm_open", "comm_msg", "comm_close"})
ANSWERS: Final[Mapping[str, _Answer]] = {
    "kernel_info_request": _kernel_info,
    "execute_request": _execute,
    "input_reply": _input,
    "complete_request": _complete,
    "inspect_request": _inspect,
    "is_complete_request": _is_complete,
    "history_request": _history,
    "comm_info_request": _comm_info,
    "comm_open": _comm,
    "comm_msg": _comm,
    "comm_close": _comm,
    "interrupt_request": _interrupt,
    "shutdown_request": _shutdown,
    "debug_request": _debug,
}
