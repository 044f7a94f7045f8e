"""Commands: each runs in a context of its own, which is not listed, under the limits of contexts."""

import contextlib
import json
from typing import Any, Final

from aiohttp import web

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.opensandbox.code import answer_with_frames
from interpreterd.dialects.opensandbox.frames import Frames, complete_frame, error_frame
from interpreterd.dialects.opensandbox.requests import Command, parse_command
from interpreterd.http.bodies import read_json
from interpreterd.http.keys import SETTINGS
from interpreterd.model.errors import ContextNotFound
from interpreterd.model.events import Finished, Outcome
from interpreterd.model.requests import CreateContext, Execute

# The end of the command is its context's: what it has left in the background ends with the context.
_CODE: Final = """
import json, subprocess, sys
_command = json.loads({command!r})
try:
    _status = subprocess.call(_command, stdin=subprocess.DEVNULL)
except OSError as _error:
    print(f"{{_error.filename}}: {{_error.strerror}}", file=sys.stderr)
    _status = 127
if _status:
    raise SystemExit(_status if _status > 0 else 128 - _status)
"""
"""Ends with the status of the command, as a shell has it."""
_SHELL: Final = ("bash", "-c")
"""Runs texts, as in OpenSandbox's sandboxes."""
_FAILED: Final = "CommandExecError"


async def run_command(service: ContextService, request: web.Request) -> web.StreamResponse:
    """Run a command; a client that ends its connection ends it."""
    command = parse_command(await read_json(request, request.app[SETTINGS].body_limit_bytes))
    envs = {**_where(request), **command.envs}
    context = await service.create(CreateContext(cwd=command.cwd, envs=envs, listed=False))
    try:
        submission = await service.submit(_execution(command, context.id))
        frames = Frames(submission.execution_id, _ended, shows_results=False)
        del command
        return await answer_with_frames(request, submission, frames)
    finally:
        with contextlib.suppress(ContextNotFound):
            await service.delete(context.id)


def _execution(command: Command, context_id: str) -> Execute:
    words = [*_SHELL, command.command] if isinstance(command.command, str) else command.command
    code = _CODE.format(command=json.dumps(words))
    return Execute(
        code=code, context_id=context_id, timeout_s=command.timeout_s, stays=False, results=False, counted=False
    )


def _where(request: web.Request) -> dict[str, str]:
    """Return the variable by which OpenSandbox's SDK looks for the server of the kernels: this daemon is one."""
    name = request.get_extra_info("sockname")
    return {"JUPYTER_PORT": str(name[1])} if isinstance(name, tuple) else {}


def _ended(finished: Finished, ms: int) -> dict[str, Any]:
    error = finished.error
    if error is None and finished.outcome is Outcome.COMPLETED:
        return complete_frame(ms)
    if error is not None and error.name == "SystemExit":
        return error_frame(_FAILED, error.value, f"exit status {error.value}")
    value = error.value if error is not None else str(finished.cause)
    return error_frame(error.name if error is not None else _FAILED, value)
