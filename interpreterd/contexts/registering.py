"""The half of the manager that takes in contexts."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from interpreterd.contexts.context import Context
from interpreterd.contexts.expiry import Expiry
from interpreterd.contexts.intake import Intake
from interpreterd.contexts.making import Maker
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.peers import Peers
from interpreterd.contexts.sampler import Sampler
from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.tenancies import Tenancies
from interpreterd.model.errors import LimitReached
from interpreterd.model.isolation import Isolation
from interpreterd.model.requests import CreateContext
from interpreterd.workers.isolation.jails import Place

if TYPE_CHECKING:
    from interpreterd.contexts.state.survival import Survival


class Registering(Protocol):
    """Makes and registers contexts, for ``Manager``, which has these parts.

    Attributes:
        maker: Makes contexts of what the daemon has for all of them.
        peers: Told of isolated contexts.
    """

    intake: Intake
    maker: Maker
    peers: Peers
    sampler: Sampler
    tenancies: Tenancies
    survival: "Survival | None"
    _contexts: dict[str, Context]
    _settings: ContextSettings

    def _expire(self, context: Context, why: str) -> None: ...

    def add(
        self,
        context_id: str,
        cwd: str,
        request: CreateContext,
        place: Callable[[], Place],
        origin: Origin | None = None,
    ) -> Context:
        """Return a new context, at a place that is made once it may be. Raises ``InvalidRequest``, ``LimitReached``."""
        self.check_room(1)
        account, limits = self.tenancies.admit(request)
        context = self.maker.make(context_id, cwd, request, limits, account, place(), origin)
        if self.survival is not None:
            self.survival.attach(context)
        self.register(context, context.place.info.isolation)
        return context

    def check_room(self, count: int) -> None:
        """Raise ``LimitReached`` or ``ServerShuttingDown`` if there may not be ``count`` more contexts."""
        self.intake.check()
        if len(self._contexts) + count > self._settings.max_contexts:
            raise LimitReached(f"too many contexts: the limit is {self._settings.max_contexts}")

    def register(self, context: Context, isolation: Isolation, *, lived_s: float = 0.0) -> None:
        """Have a context that ``maker`` has made, and that has lived for ``lived_s`` in a former daemon."""
        self._contexts[context.id] = context
        self.peers.watches |= isolation.is_on
        context.account.contexts += 1
        self.sampler.wake()
        if context.limits.expires:
            expire = functools.partial(self._expire, context)
            context.expiry = Expiry(context.limits, context.transcript, expire, lived_s=lived_s)
