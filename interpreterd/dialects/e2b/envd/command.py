"""A command that runs, or is to run, and how it has ended."""

import asyncio
import binascii
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from attrs import frozen

from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.followers import Followers
from interpreterd.dialects.e2b.envd.helpers import source
from interpreterd.model.errors import InterpreterError, InvalidRequest

INPUT_PIECE_BYTES: Final = 128 << 10
RETRIED_BYTES: Final = 4096
"""Of input, for a command that does not read: PIPE_BUF of pipe(7), which is all that a pipe with any room takes."""
_CODE: Final = source("command")
_DIGITS_LIMIT: Final = 9
_SPEC_LIMIT_CHARS: Final = 1 << 20


@frozen(kw_only=True)
class Spec:
    """What to run: see E2B's ``process.StartRequest``. ``size`` is that of a terminal, in rows and columns."""

    command: str
    arguments: Sequence[str] = ()
    envs: Mapping[str, str] = {}
    cwd: str | None = None
    tag: str | None = None
    stdin: bool = False
    size: tuple[int, int] | None = None

    def code(self) -> str:
        """Return the code that runs it. Raises ``InvalidRequest``."""
        arguments = (self.command, list(self.arguments), dict(self.envs), self.cwd or "")
        call = f"run(*{arguments!a}, stdin={self.stdin}, size={self.size})"
        if len(call) > _SPEC_LIMIT_CHARS:
            raise InvalidRequest(f"the command and its environment must have at most {_SPEC_LIMIT_CHARS} characters")
        return f"{_CODE}\n{call}"


@frozen
class Written:
    """Output of a command."""

    stream: Literal["stdout", "stderr", "pty"]
    data: bytes


@frozen
class End:
    """How a command has ended, in the words of Go's ``os.ProcessState``, which envd tells."""

    status: str
    exit_code: int = -1
    exited: bool = False

    @property
    def error(self) -> str | None:
        """The status, unless the command has ended well."""
        return None if self.exited and not self.exit_code else self.status


class Command:
    """A command that has begun.

    Attributes:
        end: How it has ended; None until then.
        followers: Those that are told what it writes, and how it ends.
        submission: The execution that runs it.
    """

    def __init__(self, service: ContextService, submission: Submission, spec: Spec, pid: int) -> None:
        self.spec = spec
        self.pid = pid
        self.end: End | None = None
        self.followers = Followers[Written | End]()
        self._service = service
        self.submission = submission
        self._turn = asyncio.Lock()
        self._input_turn = asyncio.Lock()
        self._asked = asyncio.Event()
        self._said = ""

    async def send(self, instruction: str) -> None:
        """Let it obey, when it has obeyed all before.

        Raises:
            EnvdRefused: It cannot, or it has ended.
        """
        if said := await self._instruct(instruction):
            raise EnvdRefused("failed_precondition", said)

    async def _instruct(self, instruction: str) -> str:
        """Let it obey; return what it has said then."""
        async with self._turn:
            await self._asked.wait()
            if self.end is not None:
                raise EnvdRefused("not_found", f"the process has ended: {self.pid}")
            self._asked.clear()
            await self._service.answer(self.submission.execution_id, instruction)
            await self._asked.wait()
            return self._said

    async def write(self, data: bytes) -> None:
        """Give it input; return when it has taken all of it. Raises as ``send``.

        While it does not read, it obeys other instructions.
        """
        async with self._input_turn:
            start, limit = 0, INPUT_PIECE_BYTES
            while start < len(data):
                taken = await self._give(data[start : start + limit])
                limit = INPUT_PIECE_BYTES if taken else RETRIED_BYTES
                start += taken

    async def _give(self, piece: bytes) -> int:
        """Return how many bytes of ``piece`` it has taken."""
        said = await self._instruct(f"input {binascii.b2a_base64(piece, newline=False).decode()}")
        what, _, number = said.partition(" ")
        if what == "took" and number.isascii() and number.isdigit():
            return min(int(number[:_DIGITS_LIMIT]), len(piece))
        if said:
            raise EnvdRefused("failed_precondition", said)
        return len(piece)

    async def kill(self) -> None:
        """Kill it, and every process that it has started; return when they are gone."""
        with contextlib.suppress(InterpreterError):  # it has just ended
            await self._service.delete(self.submission.context_id)

    def asks(self, said: str) -> None:
        """It waits for an instruction, and has ``said`` how the last one went."""
        self._said = said
        self._asked.set()

    async def ends(self, end: End) -> None:
        """It has ended; its followers are told."""
        self.end = end
        self._said = ""  # perhaps the last instruction has ended it
        self._asked.set()
        await self.followers.tell(end)
        await self.followers.end()
