"""The client for programs without an event loop. It works where one runs, too, and blocks it meanwhile."""

import contextlib
import os
import weakref
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from interpreterd.client.archive_requests import with_archive
from interpreterd.client.archives import Archives
from interpreterd.client.background import Background, resume_background, start_background
from interpreterd.client.callbacks import Callbacks, answer_of
from interpreterd.client.context_files import Work
from interpreterd.client.core import ClientCore
from interpreterd.client.following import FollowedExecution
from interpreterd.client.functions import HostFunctions
from interpreterd.client.handles import Context
from interpreterd.client.local import LocalDaemon
from interpreterd.client.options import ContextOptions, ExecuteOptions, Options, StreamOptions, check_keywords
from interpreterd.client.portal import Portal
from interpreterd.client.results import Execution
from interpreterd.client.state import Archive
from interpreterd.model.events import Event, Gap, InputRequest

_T = TypeVar("_T")


class Interpreter(Archives):
    """A client of a daemon.

        with Interpreter() as py:
            py.execute("x = 20")
            print(py.execute("print(x + 1)").stdout)

    Without ``with``, call ``close``; else Python does so at the program's end. Any number of threads may use it at the
    same time. Each thread waits for its own calls, and runs its own callbacks. A thread of the client serves the
    connections, so that it also works where an event loop runs (Jupyter): that loop waits during a call. Do not use it
    in a process that was forked after it was made.

    Raises (all of its methods):
        ClientError: See ``interpreterd.client.errors`` for which.
        InvalidArgument: An argument cannot be sent, for example text with a lone surrogate. Nothing was sent.
        TypeError: A keyword is unknown, or an argument has the wrong type.
        RuntimeError: It is closed.
    """

    def __init__(self, url: str | LocalDaemon | None = None, **options: Unpack[Options]) -> None:
        """Make a client; nothing is sent to the daemon yet.

        Args:
            url: Where the daemon listens: ``http://…`` or ``https://…``, with the path of a proxy if there is one, or
                ``unix:PATH``. None: the value of ``INTERPRETERD_URL``, or else ``http://127.0.0.1:3987``. A
                ``LocalDaemon`` is started and ended with the client.
            options: See ``Options``.

        Raises:
            ValueError: ``url`` is not a valid URL.
        """
        check_keywords(type(self).__name__, options, Options)
        self._core = ClientCore(url, options)
        self._portal = Portal()
        self._end = weakref.finalize(self, _end, self._core, self._portal, os.getpid())

    @classmethod
    def local(cls, *flags: str, **options: Unpack[Options]) -> Self:
        """Return a client of a private daemon, which starts with its block or first call, and ends with it.

        The daemon runs code with this program's own Python, in the current directory. ``flags`` are those of
        ``interpreterd serve``: ``Interpreter.local("--cwd", "/tmp", "--preload", "numpy")``. See ``LocalDaemon``.
        """
        return cls(LocalDaemon(*flags), **options)

    def open(self) -> None:
        """Start the private daemon, if the client has one. Not needed: every call does so."""
        self._portal.wait(self._core.open())

    def close(self) -> None:
        """End all connections, and the private daemon. A second call changes nothing."""
        self._end()

    def __enter__(self) -> Self:
        """Open it."""
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def execute(self, code: str, context_id: str | None = None, **options: Unpack[ExecuteOptions]) -> Execution:
        """Run ``code``; return how it went, once it has ended.

        If the connection ends meanwhile, the client makes a new one. No event is lost or repeated while it is still in
        the daemon's journal (``--journal-bytes``). Ctrl-C interrupts the code: its last output arrives, then
        KeyboardInterrupt is raised. A second Ctrl-C raises it at once. Any other exception that is raised here, also
        by a callback, interrupts the code.

        Args:
            code: Python source.
            context_id: The context to run it in; None: ``default``, which the first execution makes.
            options: See ``ExecuteOptions`` and ``StreamOptions``.

        Raises:
            Refused: The code did not run: ``ContextNotFound`` and others.
            ConnectionFailed: The code did not run, since no daemon answers.
            ExecutionLost: The connection ended for good. The code may have run, or may still run.
        """
        check_keywords("execute", options, ExecuteOptions)
        callbacks = Callbacks.of(options)
        collector = self._core.collector()
        execution = self._portal.wait(self._core.follow(code, context_id, options))
        execution.shows_calls = False
        stop: KeyboardInterrupt | None = None
        try:
            while True:
                try:
                    while execution.events:
                        event = execution.events.popleft()
                        collector.add(event)
                        told = callbacks.tell(event)
                        if isinstance(event, InputRequest):
                            self._portal.wait(execution.answer(answer_of(told)))
                    if not self._portal.wait(execution.fill()):
                        break
                except KeyboardInterrupt as interrupt:
                    if stop is not None:
                        raise
                    stop = interrupt
                    self._portal.wait(execution.interrupt())
        finally:
            self._leave(execution)
        if stop is not None:
            raise stop
        return collector.result(execution.id, execution.context_id)

    def stream(
        self, code: str, context_id: str | None = None, **options: Unpack[StreamOptions]
    ) -> Generator[Event | Gap, None, None]:
        """Run ``code`` and yield its events; the last one is ``Finished``. For arguments and errors see ``execute``.

        The code starts when the first event is asked for. Leaving the loop early, also by Ctrl-C, interrupts it.
        ``options``: see ``StreamOptions``.
        """
        check_keywords("stream", options, StreamOptions)
        return self._stream(code, context_id, options)

    def start(self, code: str, context_id: str | None = None, **options: Unpack[StreamOptions]) -> Background:
        """Run ``code`` in the background; return it at once. See ``AsyncInterpreter.start``."""
        check_keywords("start", options, StreamOptions)
        return Background(self._portal, start_background(self._core, code, context_id, options))

    def resume(self, execution_id: str, functions: HostFunctions | None = None) -> Background:
        """Come back to an execution, and answer its calls. See ``AsyncInterpreter.resume``."""
        return Background(self._portal, resume_background(self._core, execution_id, functions))

    def create_context(
        self,
        cwd: str | os.PathLike[str] | None = None,
        language: str | None = None,
        **options: Unpack[ContextOptions],
    ) -> Context:
        """Make a context: a Python of its own, whose variables stay from one execution to the next.

        Args:
            cwd: Absolute path of an existing directory on the daemon's machine; None: the daemon's ``--cwd``.
            language: ``python``, or None.
            options: See ``ContextOptions``.
        """
        check_keywords("create_context", options, ContextOptions)
        return Context(self, self._portal.wait(self._core.create_context(cwd, language, options)), self._request)

    def load(
        self,
        archive: str | Archive,
        /,
        cwd: str | os.PathLike[str] | None = None,
        **options: Unpack[ContextOptions],
    ) -> Context:
        """Make a context with the variables of an archive, which ``Context.save`` has written.

        ``context.skipped`` names those that could not be saved, or that need a module that is not there. The archive
        stays. It needs the minor version of Python that has saved it. For ``options`` see ``ContextOptions``.

        Raises:
            ArchiveNotFound: No archive has this id or name.
            Refused: It cannot be loaded here; ``code`` and the message say why.
        """
        return self.create_context(cwd, **with_archive("load", archive, options))

    def get_context(self, context_id: str) -> Context:
        """Return a context as it is now. Raises ``ContextNotFound``."""
        return Context(self, self._portal.wait(self._core.get_context(context_id)), self._request)

    def list_contexts(self, *, labels: Mapping[str, str] | None = None, usage: bool = False) -> list[Context]:
        """Return all contexts, also the default one, oldest first.

        Args:
            labels: Return only contexts whose metadata has all of these.
            usage: Whether ``context["usage"]`` says what the context uses now. PROTOCOL.md describes it; it is None
                for a context whose Python does not run.
        """
        found = self._portal.wait(self._core.list_contexts(labels, usage))
        return [Context(self, data, self._request) for data in found]

    def stats(self, context_id: str | None = None) -> dict[str, Any]:
        """Return what a context, or all of them, use and have done; PROTOCOL.md has the keys."""
        return self._portal.wait(self._core.stats(context_id))

    def delete_context(self, context_id: str) -> None:
        """End a context, and every process that it started.

        Raises:
            ContextNotFound: There is no such context.
            Refused: It is the default context (``default_context``), which always stays.
        """
        self._portal.wait(self._core.delete_context(context_id))

    def interrupt(self, context_id: str | None = None) -> bool:
        """Interrupt the code that runs in a context, ``default`` if None; return whether code was running.

        Raises:
            ContextNotFound: There is no such context. The default one does not exist before its first execution.
        """
        return self._portal.wait(self._core.interrupt(context_id))

    def restart(self, context_id: str | None = None, *, cancel_queued: bool = False) -> Context:
        """Give a context, ``default`` if None, a new Python; return once it has started.

        The running execution is lost, and so are all variables. Queued executions stay, unless ``cancel_queued``.
        """
        return Context(self, self._portal.wait(self._core.restart(context_id, cancel_queued)), self._request)

    def look(self, context_id: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Look at a context's namespace; ``Context.complete`` and others do it."""
        return self._portal.wait(self._core.look(context_id, what, body))

    def _request(self, work: Work[_T]) -> _T:
        return self._portal.wait(work(self._core))

    create_interpreter_context = create_context
    delete_interpreter_context = delete_context

    def _stream(self, code: str, context_id: str | None, options: StreamOptions) -> Generator[Event | Gap, None, None]:
        execution = self._portal.wait(self._core.follow(code, context_id, options))
        try:
            while self._portal.wait(execution.fill()):
                while execution.events:
                    yield execution.events.popleft()
        finally:
            self._leave(execution)

    def _leave(self, execution: FollowedExecution) -> None:
        with contextlib.suppress(RuntimeError):  # the client is closed: nobody to ask
            self._portal.wait(execution.close())


def _end(core: ClientCore, portal: Portal, owner: int) -> None:
    """Close all, at the program's end too; but not in a fork of the program, where the portal's thread does not run."""
    if os.getpid() != owner:
        return
    try:
        portal.wait(core.disconnect())
    finally:
        portal.close()
        if core.daemon is not None:  # here, since at the program's end no thread can be started for it
            core.daemon.stop()
