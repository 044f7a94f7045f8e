"""The kinds of events that the daemon has."""

import attrs

from interpreterd.model.events import Event


def kinds() -> set[type[Event]]:
    """Return them, without those of tests, nor what attrs makes a class of."""
    return {it for it in Event.__subclasses__() if attrs.has(it) and it.__module__.startswith("interpreterd.")}
