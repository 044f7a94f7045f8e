"""All kernels that clients use, and how many clients each may have. One for an application."""

from typing import Final
from uuid import uuid4

from attrs import define

from interpreterd.contexts.service import ContextService
from interpreterd.dialects.jupyter.kernel import JupyterKernel
from interpreterd.dialects.jupyter.session import Session

ABSENT_LIMIT: Final = 512  # clients that have gone, and may come back
ABSENT_OF_KERNEL_LIMIT: Final = 16


@define
class Notebook:
    """A document with a kernel: what this API calls a session."""

    path: str
    name: str
    type: str
    kernel_id: str


class Hub:
    """The state of this dialect. A kernel is here as long as it has clients, or had some that may come back.

    Attributes:
        notebooks: By their ids, the oldest first.
    """

    def __init__(self, service: ContextService) -> None:
        self.service = service
        self.notebooks: dict[str, Notebook] = {}
        self._kernels: dict[str, JupyterKernel] = {}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._absent: dict[tuple[str, str], Session] = {}  # those that have gone longest come first

    def kernel(self, context_id: str) -> JupyterKernel:
        """Return the kernel of a context; make it, if it has no clients yet."""
        return self._kernels.get(context_id) or self._kernels.setdefault(
            context_id, JupyterKernel(context_id, self.service)
        )

    def find(self, context_id: str) -> JupyterKernel | None:
        """Return the kernel of a context; None if it has no clients."""
        return self._kernels.get(context_id)

    def connections(self, context_id: str) -> int:
        """How many clients are connected to a kernel."""
        kernel = self._kernels.get(context_id)
        return 0 if kernel is None else kernel.connections

    def session(self, kernel: JupyterKernel, session_id: str) -> Session:
        """Return the client of this id, which may have been here before; without an id a new one."""
        name = session_id or uuid4().hex
        key = kernel.context_id, name
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = kernel.sessions[name] = Session(kernel, name)
        self._absent.pop(key, None)
        session.claims += 1
        return session

    def has_gone(self, kernel: JupyterKernel, session: Session, *, for_good: bool) -> None:
        """A client's connection has ended; unless ``for_good``, it is remembered."""
        session.claims -= 1
        if session.claims:
            return
        if for_good or kernel.ended:
            self._forget(kernel.context_id, session)
            return
        self._absent[kernel.context_id, session.session_id] = session
        of_kernel = [it for (context_id, _), it in self._absent.items() if context_id == kernel.context_id]
        if len(of_kernel) > ABSENT_OF_KERNEL_LIMIT:
            self._forget(kernel.context_id, of_kernel[0])
        if len(self._absent) > ABSENT_LIMIT:
            (context_id, _), oldest = next(iter(self._absent.items()))
            self._forget(context_id, oldest)

    def ended(self, kernel: JupyterKernel) -> None:
        """A kernel is no more; its clients cannot come back."""
        kernel.ended = True
        for name in list(kernel.sessions):
            if (session := self._absent.get((kernel.context_id, name))) is not None:
                self._forget(kernel.context_id, session)

    def _forget(self, context_id: str, session: Session) -> None:
        key = context_id, session.session_id
        self._absent.pop(key, None)
        self._sessions.pop(key, None)
        session.close()
        kernel = self._kernels.get(context_id)
        if kernel is not None:
            kernel.sessions.pop(session.session_id, None)
            if not kernel.sessions:
                del self._kernels[context_id]
