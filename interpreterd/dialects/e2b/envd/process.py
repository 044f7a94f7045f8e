"""The service ``process.Process``."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final

from aiohttp import web
from google.protobuf.message import Message

from interpreterd.dialects.e2b.envd.command import Command, End, Spec, Written
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.messages import PROCESS
from interpreterd.dialects.e2b.envd.rpc import Method, RpcCall, answer
from interpreterd.dialects.e2b.sandbox import Sandbox

_SIGTERM: Final = 15
_SIGKILL: Final = 9
_SIDE_LIMIT: Final = 1 << 16  # of a terminal; the kernel keeps 16 bits


async def process(sandbox: Sandbox, request: web.Request) -> web.StreamResponse:
    """Answer an RPC of this service."""
    return await answer(PROCESS_RPCS, sandbox, request)


async def _list(sandbox: Sandbox, request: Any) -> Message:
    reply: Any = PROCESS["ListResponse"]()
    for command in sandbox.envd.commands.running():
        spec = command.spec
        told = reply.processes.add(pid=command.pid, tag=spec.tag)
        told.config.MergeFrom(
            PROCESS["ProcessConfig"](cmd=spec.command, args=spec.arguments, envs=spec.envs, cwd=spec.cwd)
        )
    return reply


async def _start(sandbox: Sandbox, request: Any, call: RpcCall) -> AsyncGenerator[Message]:
    command = await sandbox.envd.commands.start(_spec(sandbox, request))
    follower = command.followers.add()
    sandbox.envd.commands.begin(command, deadline=call.deadline)
    try:
        async for event in _told(PROCESS["StartResponse"], command, follower, call):
            yield event
    finally:
        command.followers.remove(follower)


async def _connect(sandbox: Sandbox, request: Any, call: RpcCall) -> AsyncGenerator[Message]:
    command = _selected(sandbox, request)
    follower = command.followers.add()
    try:
        async for event in _told(PROCESS["ConnectResponse"], command, follower, call):
            yield event
    finally:
        command.followers.remove(follower)


async def _told(kind: Any, command: Command, follower: Any, call: RpcCall) -> AsyncGenerator[Message]:
    """Yield the start of ``command``, and then what its follower is told."""
    started = kind()
    started.event.start.pid = command.pid
    yield started
    async for event in follower.events(call.keepalive_s):
        told = kind()
        match event:
            case None:
                told.event.keepalive.SetInParent()
            case Written(stream, data):
                setattr(told.event.data, stream, data)
            case End():
                told.event.end.exit_code = event.exit_code
                told.event.end.exited = event.exited
                told.event.end.status = event.status
                if event.error is not None:
                    told.event.end.error = event.error
            case _:
                pass
        yield told


def _spec(sandbox: Sandbox, request: Any) -> Spec:
    config = request.process
    if not config.cmd:
        raise EnvdRefused("invalid_argument", "process.cmd must not be empty")
    size = _size(request.pty) if request.HasField("pty") else None
    return Spec(
        command=config.cmd,
        arguments=list(config.args),
        envs={**sandbox.envs, **config.envs},
        cwd=config.cwd if config.HasField("cwd") else None,
        tag=request.tag if request.HasField("tag") else None,
        stdin=request.stdin if request.HasField("stdin") else True,
        size=size,
    )


def _size(terminal: Any) -> tuple[int, int]:
    rows, columns = terminal.size.rows, terminal.size.cols
    if max(rows, columns) >= _SIDE_LIMIT:
        raise EnvdRefused("invalid_argument", f"pty.size must have rows and cols below {_SIDE_LIMIT}")
    return rows, columns


def _selected(sandbox: Sandbox, request: Any) -> Command:
    selector = request.process
    match selector.WhichOneof("choice"):
        case "pid":
            return sandbox.envd.commands.find(pid=selector.pid)
        case "tag":
            return sandbox.envd.commands.find(tag=selector.tag)
        case _:
            raise EnvdRefused("invalid_argument", "process must have a pid or a tag")


async def _update(sandbox: Sandbox, request: Any) -> Message:
    command = _selected(sandbox, request)
    if request.HasField("pty"):
        rows, columns = _size(request.pty)
        await command.send(f"size {rows} {columns}")
    return PROCESS["UpdateResponse"]()


async def _send_input(sandbox: Sandbox, request: Any) -> Message:
    await _write(_selected(sandbox, request), request.input)
    return PROCESS["SendInputResponse"]()


async def _write(command: Command, given: Any) -> None:
    kind = given.WhichOneof("choice")
    if kind is None:
        raise EnvdRefused("invalid_argument", "input must have stdin or pty")
    is_terminal = command.spec.size is not None
    if is_terminal != (kind == "pty"):
        raise EnvdRefused("failed_precondition", f"the process has {'a' if is_terminal else 'no'} pty: input must fit")
    await command.write(getattr(given, kind))


async def _stream_input(sandbox: Sandbox, requests: AsyncIterator[Any]) -> Message:
    command: Command | None = None
    async for request in requests:
        match request.WhichOneof("choice"):
            case "start":
                command = _selected(sandbox, request.start)
            case "data" if command is not None:
                await _write(command, request.data.input)
            case "data":
                raise EnvdRefused("invalid_argument", "the stream must begin with start")
            case _:
                pass
    return PROCESS["StreamInputResponse"]()


async def _send_signal(sandbox: Sandbox, request: Any) -> Message:
    command = _selected(sandbox, request)
    if request.signal == _SIGKILL:
        await command.kill()
    elif request.signal == _SIGTERM:
        await command.send(f"signal {_SIGTERM}")
    else:
        raise EnvdRefused("invalid_argument", "signal must be SIGNAL_SIGTERM or SIGNAL_SIGKILL")
    return PROCESS["SendSignalResponse"]()


async def _close_stdin(sandbox: Sandbox, request: Any) -> Message:
    await _selected(sandbox, request).send("close")
    return PROCESS["CloseStdinResponse"]()


PROCESS_RPCS: Final[Mapping[str, Method]] = {
    "List": Method(PROCESS["ListRequest"], _list),
    "Connect": Method(PROCESS["ConnectRequest"], stream=_connect),
    "Start": Method(PROCESS["StartRequest"], stream=_start),
    "Update": Method(PROCESS["UpdateRequest"], _update),
    "StreamInput": Method(PROCESS["StreamInputRequest"], client_stream=_stream_input),
    "SendInput": Method(PROCESS["SendInputRequest"], _send_input),
    "SendSignal": Method(PROCESS["SendSignalRequest"], _send_signal),
    "CloseStdin": Method(PROCESS["CloseStdinRequest"], _close_stdin),
}
