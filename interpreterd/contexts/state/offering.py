"""Makes contexts of former daemons again, from their records: without workers, and whatever has changed since.

What was recorded is checked against today's settings when the context wakes. So a directory that is gone, or isolation
that cannot be had any more, is an error of that context's next execution, and no reason to lose the context.
"""

import time
from typing import TYPE_CHECKING

from interpreterd.contexts.context import Context
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.state.places import LatePlace
from interpreterd.contexts.state.records import ContextRecord
from interpreterd.model.errors import InterpreterError
from interpreterd.model.isolation import NO_ISOLATION, Isolation
from interpreterd.workers.isolation.jails import Place

if TYPE_CHECKING:
    from interpreterd.contexts.manager import Manager


def offered(record: ContextRecord, cwd: str, manager: "Manager") -> Context:
    """Return a context of ``manager``, not registered yet; ``cwd`` is its directory without links.

    The number of contexts has no limit here.
    """
    tenancies, request = manager.tenancies, record.request()
    account = tenancies.accounts.of(request.tenant)
    try:
        shown, is_plain = tenancies.isolation(request), not tenancies.isolation(request).is_on
    except InterpreterError:  # it asked for less than it must have today, as its next execution will hear
        shown, is_plain = Isolation(profile=record.isolation.profile or manager.isolator.usual.profile), False
    place: Place
    if is_plain:
        place = manager.isolator.isolate(NO_ISOLATION, cwd)
    else:
        place = LatePlace(
            manager.launcher,
            shown,
            isolation=lambda: tenancies.isolation(request),
            isolator=manager.isolator,
            cwd=cwd,
            settle=lambda real: context.settle(real),
        )
    limits = tenancies.lowered(request)
    origin = Origin(record.forked_from, record.begun, record.count, record.count_before)
    context = manager.maker.make(record.id, record.cwd, request, limits, account, place, origin, cwd)
    context.recall(created_at=record.created_at, last_used_at=record.last_used_at)
    if isinstance(place, LatePlace):
        context.slot.arrive = place.enter
    return context


def register(context: Context, manager: "Manager") -> None:
    """Let clients find ``context``; if its life is over, it ends."""
    lived_s = max(0.0, time.time() - context.info().created_at)
    manager.register(context, context.place.info.isolation, lived_s=lived_s)
