"""The value of a cell: it is published as the result of its execution, and remembered as ``_``, as at Python's prompt.

Only the last value is remembered, in ``builtins``, where ``sys.displayhook`` has it. A name ``_`` of the program's own,
in its namespace or (of ``gettext.install()``) in ``builtins``, is left alone.
"""

import builtins
import sys

from worker import namespace
from worker.publisher import publish

_SCALARS = frozenset([int, float, complex, bool, str, bytes])
_CONTAINERS = frozenset([list, tuple, dict, set, frozenset])
_JSON = frozenset([list, dict])
_SHORT = 1000  # so long may a scalar be, and so many bits a number may have, for the quick way
_FEW = 20  # items of a container
_nothing = object()


class Results:
    """Shows values, and keeps the last one."""

    def __init__(self, namespace):
        """``namespace`` is the program's."""
        self._namespace = namespace
        self._is_offered = False
        self._last_id = id(None)  # not the value itself: whoever deletes builtins._ frees it

    def show(self, value, call):
        """Publish ``value``, or give it to a ``sys.displayhook`` of the program's own. Raises what that raises.

        ``call`` calls functions that run user code.
        """
        hook = getattr(sys, "displayhook", None) or sys.__displayhook__
        if hook is not sys.__displayhook__:
            call(hook, value)
            return
        text = _quickly(value)
        if text is None or (type(value) in _JSON and "formats" in namespace.current.request):
            from worker.formatters import bundle, leave_out

            data, metadata = call(bundle, value)
            if data:  # otherwise it has shown itself
                publish("result", data, metadata, refuse=leave_out)
        else:
            publish("result", {"text/plain": text}, {})
        self._remember(value)

    def _remember(self, value):
        present = vars(builtins).get("_", _nothing)
        if present is _nothing or id(present) == self._last_id:
            builtins._ = value
            self._last_id = id(value)

    def offer(self):
        """Let the next cell delete the last value by ``del _``, which looks only into the program's namespace."""
        present = vars(builtins).get("_", _nothing)
        if id(present) == self._last_id and "_" not in self._namespace:
            self._namespace["_"] = present
            self._is_offered = True

    def tidy(self):
        """Release the last value if the program has deleted it, or has a ``_`` of its own, which hides it."""
        if self._is_offered:
            self._is_offered = False
            own = self._namespace.get("_", _nothing)
            if id(own) == self._last_id:  # not deleted
                del self._namespace["_"]
            elif id(vars(builtins).get("_", _nothing)) == self._last_id:
                del builtins._
            return
        if "_" in self._namespace and id(vars(builtins).get("_", _nothing)) == self._last_id:
            del builtins._


def _quickly(value):
    """Return the text of a small value of a builtin type, which has no other form; None for any other value."""
    kind = type(value)
    if kind in _SCALARS:
        return repr(value) if _is_short(kind, value) else None
    if kind not in _CONTAINERS or len(value) > _FEW:
        return None
    for items in (value, value.values()) if kind is dict else (value,):
        for item in items:
            kind = type(item)
            if item is not None and not (kind in _SCALARS and _is_short(kind, item)):
                return None
    return repr(value)


def _is_short(kind, value):
    if kind is str or kind is bytes:
        return len(value) <= _SHORT
    return kind is not int or value.bit_length() <= _SHORT
