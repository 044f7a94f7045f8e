"""The values of cells: each is published, and the latest is ``_``."""

from worker.formatters import bundle
from worker.publisher import publish

_NOTHING = object()


class Results:
    """Keeps the latest value under the name ``_`` in ``namespace``; a history would keep everything alive."""

    def __init__(self, namespace):
        self._namespace = namespace
        self._latest = _NOTHING

    def tidy(self):
        """Forget the latest value if user code has given ``_`` a value of its own, which stays as it is."""
        if self._latest is not _NOTHING and self._namespace.get("_", _NOTHING) is not self._latest:
            self._latest = _NOTHING

    def show(self, value, call):
        """Publish ``value``; ``call(function, *arguments)`` calls what may run user code. Raises what that raises."""
        if self._namespace.get("_", _NOTHING) is self._latest:
            self._namespace["_"] = self._latest = value
        data, metadata = call(bundle, value)
        if data:  # otherwise it has shown itself
            publish("result", data, metadata)
