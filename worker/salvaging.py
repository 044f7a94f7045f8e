"""An unpickler that goes on where Python's own fails: when a module is missing, or when user code raises.

It puts ``Missing`` in the place of what cannot be made, and notes of what each object is made: so it is known which
variables need something that is missing, and all others are whole. It is slow, and for such archives only.
"""

import pickle

from worker import rebuilding
from worker.reviving import Finding
from worker.unsaveable import reason_of

_CONTAINERS = (tuple, list, set, frozenset, dict)
_PLAIN = (int, str, bytes, float, bool, complex, type(None))
_FILLERS = frozenset(id(value) for key, value in vars(rebuilding).items() if key.startswith("fill_"))


class Missing:
    """Stands for what could not be made."""

    def __init__(self, reason):
        self.reason = reason


class Thorough(Finding, pickle._Unpickler):
    """Python's own unpickler in Python, whose operations cannot fail."""

    dispatch = dict(pickle._Unpickler.dispatch)  # noqa: RUF012 -- the base class wants it here

    def __init__(self, file, *, buffers):
        super().__init__(file, buffers=buffers)
        self._parts = {}  # by ids: an object itself, and of what it was made

    def persistent_load(self, name):
        return self._tried(super().persistent_load, name)

    def find_class(self, module, name):
        return self._tried(super().find_class, module, name)

    def _tried(self, function, *arguments):
        try:
            return function(*arguments)
        except Exception as error:
            return Missing(reason_of(error))

    def missing(self, value):
        """Return why ``value`` is not whole; None if it is."""
        found = self._find(value)
        return None if found is None else found.reason

    def _find(self, thing):
        """Return a ``Missing`` that ``thing`` contains or was made of; None if there is none."""
        unseen, seen = [thing], set()
        while unseen:
            thing = unseen.pop()
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            if isinstance(thing, Missing):
                return thing
            if type(thing) in _CONTAINERS:
                unseen += thing
                if type(thing) is dict:
                    unseen += thing.values()
            unseen += self._parts.get(id(thing), ())
        return None

    def _note(self, thing, parts):
        self._parts[id(thing)] = (*self._parts.get(id(thing), (thing,)), *parts)

    def _make(self, function, arguments, options=None):
        """Return what ``function`` makes of its arguments, or ``Missing``."""
        parts = [function, *arguments, *(options or {}).values()]
        if isinstance(function, Missing):
            return function
        fills = id(function) in _FILLERS
        try:
            made = function(*arguments, **(options or {}))
        except Exception as error:
            made = self._find(parts) or Missing(reason_of(error))
            if fills:
                self._note(arguments[0], [made])
            return made
        if fills:
            self._note(arguments[0], arguments[1:])
        elif type(made) in _PLAIN:
            return self._find(parts) or made
        else:
            self._note(made, parts)
        return made

    def _reduce(self):
        arguments = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], arguments)

    def _new(self):
        arguments = self.stack.pop()
        self.stack[-1] = self._instance(self.stack[-1], arguments, None)

    def _new_with_options(self):
        options, arguments = self.stack.pop(), self.stack.pop()
        self.stack[-1] = self._instance(self.stack[-1], arguments, options)

    def _instance(self, cls, arguments, options):
        new = cls if isinstance(cls, Missing) else cls.__new__
        return self._make(new, (cls, *arguments), options)

    def _change(self, plain, count):
        """Change an object by the last ``count`` of the stack; by all after the mark if that is None."""
        if count is None:
            parts, thing = list(self.stack), self.metastack[-1][-1]
        else:
            parts, thing = self.stack[-count:], self.stack[-1 - count]
        if isinstance(thing, Missing):
            if count is None:
                self.pop_mark()
            else:
                del self.stack[-count:]
            return
        try:
            plain(self)  # takes the parts off the stack first
        except Exception as error:
            self._note(thing, [self._find(parts) or Missing(reason_of(error))])
            return
        if type(thing) not in _CONTAINERS:
            self._note(thing, parts)

    dispatch[pickle.REDUCE[0]] = _reduce
    dispatch[pickle.NEWOBJ[0]] = _new
    dispatch[pickle.NEWOBJ_EX[0]] = _new_with_options


def _changing(code, count):
    plain = pickle._Unpickler.dispatch[code[0]]
    Thorough.dispatch[code[0]] = lambda self: self._change(plain, count)


_changing(pickle.BUILD, 1)
_changing(pickle.APPEND, 1)
_changing(pickle.SETITEM, 2)
_changing(pickle.APPENDS, None)
_changing(pickle.SETITEMS, None)
_changing(pickle.ADDITEMS, None)
