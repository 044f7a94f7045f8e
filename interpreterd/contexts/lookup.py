"""The half of the manager that finds contexts."""

from collections.abc import Iterable
from typing import Protocol

from interpreterd.contexts.context import Context
from interpreterd.contexts.intake import Intake
from interpreterd.contexts.service import Interrupted
from interpreterd.contexts.tenancies import Tenancies
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.errors import ContextNotFound


class Lookup(Protocol):
    """Finds contexts, for ``Manager``, which has these parts."""

    intake: Intake
    tenancies: Tenancies
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
            raise ContextNotFound(context_id)
        return context

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
