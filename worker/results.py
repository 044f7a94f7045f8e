"""The value of a cell: it is published as the result of its execution, and remembered as ``_``, as at Python's prompt.

Only the last value is remembered, in ``builtins``, where ``sys.displayhook`` has it. A name ``_`` of the program's own,
in its namespace or (of ``gettext.install()``) in ``builtins``, is left alone.
"""

import builtins
import sys

from worker import namespace
from worker.publisher import printers, publish

_SCALARS = frozenset([int, float, complex, bool, str, bytes])
_CONTAINERS = frozenset([list, tuple, dict, set, frozenset])
_JSON = frozenset([list, dict])
_SHORT = 1000  # so long may a scalar be, and so many bits a number may have, for the quick way
_FEW = 20  # items of a container
_OUTPUTS_LIMIT, _OUTPUTS_LIMIT_CHARS, _OUTPUT_LIMIT_CHARS = 1000, 1 << 20, 10_000  # of the history
_nothing = object()


class Results:
    """Shows values, and keeps the last one.

    Attributes:
        outputs: The texts of the latest values, by the numbers of their cells.
    """

    def __init__(self, namespace):
        """``namespace`` is the program's."""
        self._namespace = namespace
        self._is_offered = False
        self.outputs = {}
        self._last_id = id(None)  # not the value itself: whoever deletes builtins._ frees it
        self._chars = 0

    def show(self, value, call, number=None):
        """Publish ``value``, or give it to a ``sys.displayhook`` of the program's own. Raises what that raises.

        ``call`` calls functions that run user code. ``number`` is the cell's in the history, None for none.
        """
        hook = getattr(sys, "displayhook", None) or sys.__displayhook__
        if hook is not sys.__displayhook__:
            call(hook, value)
            return
        text = None if printers else _quickly(value)
        if text is None or (type(value) in _JSON and "formats" in namespace.current.request):
            from worker.formatters import bundle, leave_out

            data, metadata = call(bundle, value)
            if data:  # otherwise it has shown itself
                text = data.get("text/plain")
                publish("result", data, metadata, refuse=leave_out)
        else:
            publish("result", {"text/plain": text}, {})
        if number is not None and type(text) is str:
            self.keep(number, text)
        self.remember(value)

    def keep(self, number, text):
        """Keep the text of a result, or its beginning; beyond the limit the oldest ones are dropped first."""
        self.outputs[number] = text = text[:_OUTPUT_LIMIT_CHARS]
        self._chars += len(text)
        while self._chars > _OUTPUTS_LIMIT_CHARS or len(self.outputs) > _OUTPUTS_LIMIT:
            self._chars -= len(self.outputs.pop(next(iter(self.outputs))))

    def remember(self, value):
        """Keep ``value`` as the last one, unless the program has a ``_`` of its own in ``builtins``."""
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
