"""The methods of a context that branch, undo and keep its state, of both faces of the client.

All of them wait for the code that runs in the context, and take their turn with the executions that wait there.
"""

from collections.abc import Mapping
from typing import Any, Self, TypedDict, Unpack, overload

from interpreterd.client import state_requests as requests
from interpreterd.client.checkpoints import AsyncCheckpoint, Checkpoint, CheckpointRequest
from interpreterd.client.context_files import AsyncContextWithFiles, ContextWithFiles
from interpreterd.client.options import check_keywords
from interpreterd.client.state import Archive


class ForkOptions(TypedDict, total=False):
    """How a context is forked: keywords of ``fork``.

    Attributes:
        metadata: Labels of the new contexts; default: those of the original.
        cwd: ``"same"`` (default): the forks work in the directory of the original; ``"copy"``: each in a copy of it.
        strict: Whether to raise ``NotCarried`` if the forks would lack something: a thread, a socket, an open file.
    """

    metadata: Mapping[str, str] | None
    cwd: str | None
    strict: bool | None


class BranchingContext(ContextWithFiles):
    """A context with the methods for its forks, checkpoints and archives."""

    @overload
    def fork(self, count: None = None, **options: Unpack[ForkOptions]) -> Self: ...
    @overload
    def fork(self, count: int, **options: Unpack[ForkOptions]) -> list[Self]: ...
    def fork(self, count: int | None = None, **options: Unpack[ForkOptions]) -> Self | list[Self]:
        """Return a new context with all that this one has now: variables, imports, objects, environment.

        With a ``count`` of 1 to 64, return a list of so many. Each has a Python process of its own; what one changes,
        no other one sees, except for files. ``fork.not_carried`` is what no copy can have: threads, sockets, children.
        Random state is new in each. See ``ForkOptions`` for the other arguments.

        Raises:
            NotCarried: ``strict``, and the forks would lack something.
        """
        check_keywords("fork", options, ForkOptions)
        made = self._request(lambda core: requests.ask_fork(core, self.id, count, options))
        forks = [self._as(data) for data in made]
        return forks if count is not None else forks[0]

    def checkpoint(self, name: str | None = None) -> "Checkpoint[Self]":
        """Keep the context as it is now, in memory; return that.

            with context.checkpoint():
                context.execute(code).raise_for_error()

        ``with`` goes back if the block raises; the exception goes on. Without ``with``, call ``restore``, and
        ``delete`` at the end. Files are not kept.
        """
        return self._checkpoint(self._request(lambda core: requests.ask_checkpoint(core, self.id, name)))

    def checkpoints(self) -> "list[Checkpoint[Self]]":
        """Return the checkpoints that the context has, oldest first."""
        return [self._checkpoint(body) for body in self._request(lambda core: requests.ask_checkpoints(core, self.id))]

    def delete_checkpoint(self, checkpoint: "str | Checkpoint[Any]") -> None:
        """End a checkpoint, given itself or by its id or name. Raises ``CheckpointNotFound``."""
        it = checkpoint if isinstance(checkpoint, str) else checkpoint.id
        self._request(lambda core: requests.drop_checkpoint(core, self.id, it))

    def restore(self, checkpoint: "str | Checkpoint[Any]") -> Self:
        """Let the context be as it was at a checkpoint, given itself or by its id or name; return the context.

        Its Python is another one then. The checkpoint stays. ``context["restored"]`` is the checkpoint.

        Raises:
            CheckpointNotFound: The context has no such checkpoint. It is as it was, as after any other error.
        """
        it = checkpoint if isinstance(checkpoint, str) else checkpoint.id
        return self._as(self._request(lambda core: requests.ask_restore(core, self.id, it)))

    def undo(self) -> Self:
        """Go back before the last execution, which was one with ``checkpoint=True``; return the context.

        Each further call goes back one such execution more.

        Raises:
            NothingToUndo: No checkpoint was made before it, or it has given way to newer ones.
        """
        return self._as(self._request(lambda core: requests.ask_undo(core, self.id)))

    def save(self, name: str | None = None) -> Archive:
        """Write the variables to the daemon's disk, for ``Interpreter.load``; return what was saved, and what not.

        Needs a daemon with ``--state-dir``. ``skipped`` names the variables that cannot be saved, with the reasons.
        """
        return Archive(self._request(lambda core: requests.ask_archive(core, self.id, name)))

    def hibernate(self) -> Self:
        """Write the variables to the daemon's disk, and end the Python; return the context.

        The next execution wakes it. Needs a daemon with ``--state-dir``.

        Raises:
            NotSavedWhole: Some variables cannot be saved. The context is as it was.
        """
        return self._as(self._request(lambda core: requests.ask_hibernate(core, self.id)))

    def _as(self, data: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def _checkpoint(self, body: Mapping[str, Any]) -> "Checkpoint[Self]":
        return Checkpoint(body, self.restore, self.delete_checkpoint)


class AsyncBranchingContext(AsyncContextWithFiles):
    """A context with the methods for its forks, checkpoints and archives, as coroutines."""

    @overload
    async def fork(self, count: None = None, **options: Unpack[ForkOptions]) -> Self: ...
    @overload
    async def fork(self, count: int, **options: Unpack[ForkOptions]) -> list[Self]: ...
    async def fork(self, count: int | None = None, **options: Unpack[ForkOptions]) -> Self | list[Self]:
        """See ``Context.fork``."""
        check_keywords("fork", options, ForkOptions)
        made = await self._request(lambda core: requests.ask_fork(core, self.id, count, options))
        forks = [self._as(data) for data in made]
        return forks if count is not None else forks[0]

    def checkpoint(self, name: str | None = None) -> "CheckpointRequest[Self]":
        """See ``Context.checkpoint``. ``async with context.checkpoint():``, or ``await context.checkpoint()``."""

        async def make() -> "AsyncCheckpoint[Self]":
            return self._checkpoint(await self._request(lambda core: requests.ask_checkpoint(core, self.id, name)))

        return CheckpointRequest(make)

    async def checkpoints(self) -> "list[AsyncCheckpoint[Self]]":
        """See ``Context.checkpoints``."""
        found = await self._request(lambda core: requests.ask_checkpoints(core, self.id))
        return [self._checkpoint(body) for body in found]

    async def delete_checkpoint(self, checkpoint: "str | AsyncCheckpoint[Any]") -> None:
        """See ``Context.delete_checkpoint``."""
        it = checkpoint if isinstance(checkpoint, str) else checkpoint.id
        await self._request(lambda core: requests.drop_checkpoint(core, self.id, it))

    async def restore(self, checkpoint: "str | AsyncCheckpoint[Any]") -> Self:
        """See ``Context.restore``."""
        it = checkpoint if isinstance(checkpoint, str) else checkpoint.id
        return self._as(await self._request(lambda core: requests.ask_restore(core, self.id, it)))

    async def undo(self) -> Self:
        """See ``Context.undo``."""
        return self._as(await self._request(lambda core: requests.ask_undo(core, self.id)))

    async def save(self, name: str | None = None) -> Archive:
        """See ``Context.save``."""
        return Archive(await self._request(lambda core: requests.ask_archive(core, self.id, name)))

    async def hibernate(self) -> Self:
        """See ``Context.hibernate``."""
        return self._as(await self._request(lambda core: requests.ask_hibernate(core, self.id)))

    def _as(self, data: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def _checkpoint(self, body: Mapping[str, Any]) -> "AsyncCheckpoint[Self]":
        return AsyncCheckpoint(body, self.restore, self.delete_checkpoint)
