"""The daemon's kinds of events."""

import attrs

from interpreterd.model.events import Event


def kinds() -> set[type[Event]]:
    """Return the daemon's kinds, without kinds of tests and without the classes that attrs replaced."""
    return {it for it in Event.__subclasses__() if attrs.has(it) and it.__module__.startswith("interpreterd.")}
