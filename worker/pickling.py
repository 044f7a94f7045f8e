"""Pickles a namespace, variable by variable and yet as one: what several variables share is in the archive once.

The pickler goes on from variable to variable with the same memo. If one fails, what it has added is forgotten. The
first entries of the memo are objects that every worker has, its own functions among them: so loading needs no module
that user code could see, and the globals of functions are the live namespace.
"""

import copyreg
import sys
from _pickle import Pickler
from itertools import islice

from worker import rebuilding, reducing, views
from worker.unsaveable import Unsaveable, refusal
from worker.valued import reducer_of_value

PROTOCOL = 5
_IN_BAND_BYTES = 4096
_NEAR, _PATIENCE_S = 200, 5.0  # objects; seconds
_VARIABLES = type(type(lambda: None).__dict__["__dict__"])
# Objects of which there is one: module, attribute. The namespace itself is the first.
_ONLY = (
    ("__main__", "__dict__"),
    ("builtins", "__dict__"),
    ("os", "environ"),
    ("sys", "modules"),
    ("sys", "path"),
    ("sys", "argv"),
    ("sys", "stdin"),
    ("sys", "stdout"),
    ("sys", "stderr"),
    ("random", "_inst"),
    ("numpy.random.mtrand", "_rand"),
    ("numpy", "_NoValue"),
    ("dataclasses", "MISSING"),
    ("dataclasses", "KW_ONLY"),
    ("dataclasses", "_HAS_DEFAULT_FACTORY"),
    ("dataclasses", "_FIELD"),
    ("dataclasses", "_FIELD_CLASSVAR"),
    ("dataclasses", "_FIELD_INITVAR"),
    ("inspect", "_empty"),
)
_LIBRARIES = {"numpy": "arrays", "pandas": "blocks", "torch": "tensors"}


def only_objects():
    """Return the objects that archives know by name, as names with objects: ``module:attribute``."""
    found = [("__main__:", sys.modules["__main__"])]
    for module, name in _ONLY:
        if module in sys.modules and hasattr(sys.modules[module], name):
            found.append((f"{module}:{name}", getattr(sys.modules[module], name)))
    found += [(f"worker.rebuilding:{name}", value) for name, value in _functions(rebuilding)]
    for library, name in _LIBRARIES.items():
        if library in sys.modules:
            module = rebuilding.own_module(name)
            found += [(f"worker.{name}:{key}", value) for key, value in _functions(module)]
    once = {id(thing): (name, thing) for name, thing in reversed(found)}
    return list(once.values())[::-1]  # the memo counts objects


def _functions(module):
    """Return the public functions of a module, which archives may name."""
    return [(key, value) for key, value in vars(module).items() if type(value) is type(_functions) and key[0] != "_"]


def beginning(names):
    """Return a pickle that puts the objects with these ``names`` into the memo of the unpickler."""
    parts = [b"\x80\x05"]
    for name in names:
        parts += [b"\x8c", bytes([len(name)]), name.encode(), b"Q\x940"]  # a text, the object of that id, memoize, pop
    return b"".join([*parts, b"N."])


class NamespacePickler(Pickler):
    """Pickles variables to ``writer``, a ``stored.Writer``.

    Attributes:
        last: The latest object that needed more than Python's own form. If the pickler fails, it is mostly the cause.
        modules: The top-level modules of what is saved by name.
        scopes: The globals of functions that are no module's, by ids: what is saved of them, and they themselves.
        patience_s: How long the ways to what cannot be saved may still be looked for, in all variables together.
        memory: The arrays so far, see ``arrays.Memory``; None without numpy.
        notes_memory: Whether memory may be shared in ways that arrays themselves do not tell.
    """

    def __init__(self, writer):
        super().__init__(writer, PROTOCOL, buffer_callback=self._add_buffer)
        self._writer = writer
        self._kinds = _Kinds()
        self._buffers = []
        self.places = {"arrays": [], "buffers": []}
        self.last, self.modules, self.scopes = None, set(), {}
        self.patience_s = _PATIENCE_S
        self.memory, self.notes_memory = None, "torch" in sys.modules
        self._searched, self._marks = 0, {}
        only = only_objects()
        self._only = {id(thing) for _, thing in only}
        self.memo = {id(thing): (position, thing) for position, (_, thing) in enumerate(only)}
        writer.begin()
        writer.write(beginning([name for name, _ in only]))
        writer.commit()
        if "numpy" in sys.modules:
            from worker.arrays import Memory

            self.memory = Memory()

    def reducer_override(self, thing):
        """Return the form of ``thing``, as pickle asks for it."""
        self.last = thing
        reducer = self._kinds[type(thing)]
        return NotImplemented if reducer is None else reducer(self, thing)

    def save(self, name, value):
        """Write a variable. What this raises leaves the archive as it was, unless it is Untaken."""
        self.last = value
        self._refuse_at_once(value)
        writer, mark = self._writer, "".join([name, " "])[:-1]  # an object of its own
        places = {key: len(them) for key, them in self.places.items()}
        memory = None if self.memory is None else self.memory.mark()
        writer.begin()
        self._buffers = []
        self.last = None
        try:
            self.dump(mark)
            self.dump(value)
        except BaseException:
            writer.abort()
            self._buffers = []
            for key, count in places.items():
                del self.places[key][count:]
            if self.memory is not None:
                self.memory.reset(memory)
            self._forget(mark)
            raise
        writer.commit()
        buffers, self._buffers = self._buffers, []
        for place, buffer in buffers:
            place[:] = writer.add(buffer)

    def _refuse_at_once(self, value):
        """Raise Unsaveable if one of the nearest parts of ``value`` cannot be saved.

        Nothing has to be forgotten then, which takes as long as the memo is large.
        """
        near = [value]
        for thing in near:
            kind = type(thing)
            reducer = self._kinds[kind]
            if getattr(reducer, "refuses", False) and id(thing) not in self._only:
                reducer(self, thing)
            if len(near) > _NEAR:
                return
            if kind in (list, tuple, set):
                near += islice(thing, _NEAR)
            elif kind is dict:
                near += islice(thing.values(), _NEAR)
            elif reducer is None and _has_plain_form(kind):
                near += islice(vars(thing).values(), _NEAR)

    def _forget(self, mark):
        """Take out of the memo what came with ``mark``, and later."""
        memo = self.memo.copy()
        first = memo.get(id(mark), (len(memo),))[0]
        self.memo = {key: entry for key, entry in memo.items() if entry[0] < first}

    def add_array(self, flat):
        """Keep the bytes ``flat`` for the archive, beside the pickle; return their number there."""
        return self._keep("arrays", memoryview(flat))

    def _add_buffer(self, buffer):
        """Keep a buffer that an object gives to pickle, if it is large."""
        memory = buffer.raw()
        if memory.nbytes < _IN_BAND_BYTES:
            return True
        self._keep("buffers", memory)
        return False

    def _keep(self, key, memory):
        place = []
        self.places[key].append(place)
        self._buffers.append((place, memory))
        return len(self.places[key]) - 1

    def marks(self):
        """Return the plain objects that modules have, by ids: module and attribute, and they themselves.

        There may be millions of such objects to ask for: modules are searched once, until there are others.
        """
        if self._searched != len(sys.modules):
            self._searched, self._marks = len(sys.modules), reducing.marks_of(sys.modules)
        return self._marks

    def note_module(self, name):
        """Note that the archive needs the module ``name``."""
        if type(name) is str:
            self.modules.add(name.partition(".")[0])


def _has_plain_form(kind):
    """Whether objects of a class are pickled as their variables, and nothing else decides that."""
    return (
        kind.__flags__ & reducing.HEAP_TYPE
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and getattr(kind, "__getstate__", None) is getattr(object, "__getstate__", None)
        and kind not in copyreg.dispatch_table
        and type(vars(kind).get("__dict__")) is _VARIABLES
    )


class _Kinds(dict):
    """The reducers by classes, found when the first object of a class comes."""

    def __missing__(self, kind):
        self[kind] = reducer = _reducer(kind)
        return reducer


def _reducer(kind):
    """Return the function that takes objects of the class ``kind`` apart; None if Python's own form does."""
    if kind in reducing.REDUCERS:
        return reducing.REDUCERS[kind]
    if issubclass(kind, type):
        return reducing.reduce_class
    names = rebuilding.names_of(kind)
    for name in names[:1] if kind.__flags__ & reducing.HEAP_TYPE else names:
        if name in views.REDUCERS:
            return views.REDUCERS[name]
    found = refusal(kind, names)
    if found is not None:
        return found
    for library, module in _LIBRARIES.items():
        if library in sys.modules:
            found = rebuilding.own_module(module).reducer_of(kind, names)
            if found is not None:
                return found
    if views.has_own_changes(kind):
        return views.reduce_container
    return reducer_of_value(kind) or _of_singletons(kind) or _of_own_form(kind)


def _of_singletons(kind):
    """Return the reducer for objects that a module has as marks, and that are nothing but themselves; or None."""
    if kind is object:
        return _reduce_mark
    module = sys.modules.get(rebuilding.module_of(kind))
    if module is None or rebuilding.module_of(kind) == "__main__" or not isinstance(module, type(sys)):
        return None
    marks = {id(it): key for key, it in list(vars(module).items()) if type(it) is kind and not _has_state(it)}
    if not marks:
        return None

    def reduce_mark(pickler, thing):
        name = marks.get(id(thing))
        return NotImplemented if name is None else (rebuilding.attribute, (module.__name__, name))

    return reduce_mark


def _has_state(thing):
    kind = type(thing)
    if kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__reduce__ is not object.__reduce__:
        return True
    return bool(getattr(thing, "__dict__", None)) or kind.__basicsize__ > object.__basicsize__ + 16


def _reduce_mark(pickler, thing):
    """Return the form of an ``object()``: if a module has it as a mark, it is a name."""
    found = pickler.marks().get(id(thing))
    return NotImplemented if found is None else (rebuilding.attribute, found[0])


def _of_own_form(kind):
    """Return a reducer that checks what a class of Python code says of its objects; None if it says nothing itself."""
    for base in vars(type)["__mro__"].__get__(kind)[:-1]:
        for name in ("__reduce_ex__", "__reduce__"):
            if name in vars(base):
                return _checked if type(vars(base)[name]) is type(_checked) else None
    return None


def _checked(pickler, thing):
    """Return the form that the class of ``thing`` gives, unless it is certainly another object's."""
    form = thing.__reduce_ex__(PROTOCOL)
    kind = type(thing)
    if type(form) is str:
        if getattr(thing, "__module__", None) == "__main__" or rebuilding.module_of(kind) == "__main__":
            raise Unsaveable("its __reduce__ gives only its name", thing)
    elif type(form) is tuple and form and isinstance(form[0], type):
        made = form[0]
        if (
            not (issubclass(made, kind) or issubclass(kind, made))
            and type(vars(made).get("__new__")) is not staticmethod
        ):
            raise Unsaveable(f"its __reduce__ makes another object of it, of {rebuilding.names_of(made)[0]}", thing)
    return form
