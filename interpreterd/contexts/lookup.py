"""The half of the manager that finds contexts, and does to them what starts and ends none."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from interpreterd.contexts.context import Context
from interpreterd.contexts.intake import Intake
from interpreterd.contexts.service import Interrupted
from interpreterd.contexts.tenancies import Tenancies
from interpreterd.model.context_info import ContextInfo
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID, shown_id
from interpreterd.model.errors import ContextNotFound
from interpreterd.model.requests import ChangeContext, patched
from interpreterd.model.state_errors import ContextMoving

if TYPE_CHECKING:
    from interpreterd.contexts.state.survival import Survival


class Lookup(Protocol):
    """Finds contexts, for ``Manager``, which has these parts."""

    intake: Intake
    tenancies: Tenancies
    survival: "Survival | None"
    _contexts: dict[str, Context]

    def list(
        self, *, with_default: bool, labels: Iterable[tuple[str, str]] = (), tenant: str | None = None
    ) -> list[Context]:
        """Return all listed contexts whose metadata has all ``labels``, oldest first; of one ``tenant``, or of all."""
        chosen = [it for it in self._contexts.values() if it.listed and tenant in (None, it.account.tenant)]
        if not with_default:
            chosen = [context for context in chosen if context.id not in self.tenancies.defaults]
        for key, value in labels:
            chosen = [context for context in chosen if context.metadata.get(key) == value]
        return chosen

    def find(self, context_id: str) -> Context | None:
        """Return a context, or None if it does not exist."""
        return self._contexts.get(context_id)

    def existing(self, context_id: str) -> Context:
        """Return an existing context. Raises ``ContextNotFound``, also for the default context before its first use."""
        if (context := self._contexts.get(context_id)) is None:
            self.check_here(context_id)
            raise ContextNotFound(context_id)
        return context

    def check_here(self, context_id: str) -> None:
        """Raise ``ContextMoving`` if the context is still in the daemon that this one replaces."""
        if self.survival is not None and self.survival.is_elsewhere(context_id):
            raise ContextMoving(shown_id(context_id))

    def interrupt(self, context_id: str | None, execution_id: str | None = None) -> Interrupted:
        """Do the same as ``Context.interrupt``; None is the default context, which may not exist yet.

        Raises:
            ContextNotFound, ServerShuttingDown
        """
        self.intake.check_living()
        name = context_id or DEFAULT_CONTEXT_ID
        if name in self.tenancies.defaults and name not in self._contexts:
            return "idle"
        return self.existing(name).interrupt(execution_id)

    def change(self, context_id: str, request: ChangeContext) -> ContextInfo:
        """Change a context. Raises ``ContextNotFound``, or ``InvalidRequest`` without a change."""
        context = self.existing(context_id)
        context.metadata = patched(context.metadata, request.metadata)
        return context.info()

    async def rest(self, within_s: float) -> None:
        """Archive the persistent contexts that are idle, for at most ``within_s``."""
        if self.survival is not None:
            await self.survival.rest_all(self._contexts.values(), within_s)
