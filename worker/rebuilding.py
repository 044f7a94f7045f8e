"""What an archive calls while it is loaded: it makes the objects for which Python's own pickles have no form.

An archive names these functions: if one is renamed, older archives lack it.
"""

import builtins
import sys
from types import CellType, FunctionType, MappingProxyType, MethodType, ModuleType

_MODULE, _NAME = vars(type)["__module__"], vars(type)["__qualname__"]
postponed = []  # what has to be done last: functions, and their arguments
# Python calls these while it makes subclasses, or classes by a metaclass. That has happened once already.
_CALLED = frozenset(["__init_subclass__"])
_CALLED_OF_METACLASS = _CALLED | {"__new__", "__init__", "__call__", "__setattr__", "__prepare__"}


def module_of(cls):
    """Return the name of the module of a class, or None; a metaclass may answer anything else."""
    try:
        name = _MODULE.__get__(cls)
    except AttributeError:
        return None
    return name if type(name) is str else None


def names_of(cls):
    """Return the names of a class and its bases: ``module.qualname``."""
    return [f"{module_of(base)}.{_NAME.__get__(base)}" for base in vars(type)["__mro__"].__get__(cls)]


def imported(name):
    """Return the module ``name``; import it as user code does."""
    module = sys.modules.get(name)
    if module is None:
        builtins.__import__(name)
        module = sys.modules[name]
    return module


def attribute(module, name):
    """Return the object ``name``, perhaps with dots, of the module ``module``."""
    return attribute_of(imported(module), name)


def own_module(name):
    """Return a module of the worker."""
    return __import__("worker." + name, None, None, ("",))


def own(module, name):
    """Return a class or a function of the worker's: ``module`` is ``worker.x``."""
    return attribute_of(own_module(module[len("worker.") :]), name)


def attribute_of(thing, name):
    """Return the attribute ``name``, perhaps with dots, of ``thing``."""
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


def loaded_code(marshalled):
    """Return the code object that a Python of the same minor version has written."""
    from marshal import loads

    return loads(marshalled)


def empty_cell():
    """Return a cell of a closure. Its content follows, as it may refer to the cell."""
    return CellType()


def fill_cell(cell, contents):
    """Give ``cell`` its content, the only item of ``contents``."""
    cell.cell_contents = contents[0]


def made_function(code, scope, name, cells):
    """Return a function with the globals of ``scope``, a module or a dict."""
    return FunctionType(code, vars(scope) if isinstance(scope, ModuleType) else scope, name, None, cells)


def fill_function(function, state):
    """Give ``function`` its attributes: those of its dict, those that every function has, and globals."""
    variables, attributes, added = state
    function.__dict__.update(variables)
    function.__globals__.update(added)
    for name, value in attributes.items():
        setattr(function, name, value)


def made_module(name, is_registered):
    """Return a module without a file."""
    module = ModuleType(name)
    module.__dict__["__builtins__"] = builtins
    return sys.modules.setdefault(name, module) if is_registered else module


def fill_module(module, variables):
    """Give ``module`` its variables."""
    vars(module).update(variables)


def made_class(kind, name, bases, namespace):
    """Return a class with what cannot be added later, and call no code of the user's metaclasses and bases.

    Its metaclass is ``kind``, or that of its first base if that is None.
    """
    kind = type(bases[0]) if kind is None else kind
    if not is_of_python(kind):
        return kind(name, bases, namespace)
    try:
        made = type.__new__(kind, name, bases, dict(namespace))
    except Exception:  # an __init_subclass__ of a library wants arguments

        class Quiet:
            def __init_subclass__(cls, /, **options):
                pass

        made = type.__new__(kind, name, (Quiet, *bases), dict(namespace))
        made.__bases__ = bases
    abc = sys.modules.get("abc")
    if abc is not None and issubclass(kind, abc.ABCMeta):
        import _abc

        _abc._abc_init(made)
    return made


def is_of_python(kind):
    """Whether no C code makes the classes of the metaclass ``kind``."""
    makers = (kind.__new__, type.__new__), (kind.__init__, type.__init__)
    return all(own is plain or isinstance(own, FunctionType) for own, plain in makers)


def fill_class(cls, attributes):
    """Give ``cls`` its attributes."""
    called = _CALLED_OF_METACLASS if issubclass(cls, type) else _CALLED
    put = type.__setattr__ if is_of_python(type(cls)) else setattr
    for name, value in attributes.items():
        if name == "_abc_impl":
            for each in value:
                type(cls).register(cls, each)
        elif name in called:
            postponed.append((put, (cls, name, value)))
        else:
            put(cls, name, value)
    if "__firstlineno__" in attributes:  # an attribute that comes after it has deleted it
        put(cls, "__firstlineno__", attributes["__firstlineno__"])


def made_enum(kind, name, bases, namespace, members):
    """Return an enumeration. Its ``members`` are names with what their mixed-in type has, or None, and their values."""

    def new(cls, *given):
        raw, value = given[0] if len(given) == 1 else given
        base = cls._member_type_
        if base is object:
            member = object.__new__(cls)
        elif raw is not None:
            member = base.__new__(cls, raw)
        else:
            member = base.__new__(cls, *(value if isinstance(value, tuple) else (value,)))
        member._value_ = value
        return member

    scope = kind.__prepare__(name, bases)
    for key, value in namespace.items():
        dict.__setitem__(scope, key, value)
    scope["__new__"], scope["__init__"] = new, lambda self, *given: None
    for member, raw, value in members:
        scope[member] = (raw, value)
    made = kind.__new__(kind, name, bases, scope)
    type.__delattr__(made, "__init__")
    return made


def fill_enum(cls, state):
    """Give ``cls`` its attributes, and its members theirs."""
    attributes, members = state
    fill_class(cls, attributes)
    for name, variables in members.items():
        cls._member_map_[name].__dict__.update(variables)


def made_method(function, instance):
    """Return a bound method."""
    return MethodType(function, instance)


def made_proxy(mapping):
    """Return the read-only view of ``mapping``."""
    return MappingProxyType(mapping)


def class_variables(cls):
    """Return ``vars(cls)``."""
    return vars(cls)


def class_member(cls, name):
    """Return what stands in the dict of ``cls``: a descriptor."""
    return vars(cls)[name]


def made_super(cls, instance):
    """Return ``super(cls, instance)``."""
    return super(cls, instance)


def made_memoryview(root, form, shape, start, size, is_fixed):
    """Return a view of the ``size`` bytes of ``root`` from ``start`` on."""
    view = memoryview(root).cast("B")[start : start + size]
    if form != "B" or len(shape) != 1:
        view = view.cast(form, shape)
    return view.toreadonly() if is_fixed else view


def made_cached(function, maxsize, typed):
    """Return ``function`` with an empty cache, as ``functools.lru_cache`` does."""
    return attribute("functools", "lru_cache")(maxsize, typed)(function)


def made_of_typing(kind, name, arguments, options):
    """Return what a class of ``typing`` makes: a ``TypeVar``, a ``NewType``, …"""
    return attribute("typing", kind)(name, *arguments, **options)


def fill_typing(made, module):
    """Give what stands for a type its module."""
    try:
        made.__module__ = module
    except AttributeError:  # of some versions of Python
        pass


def dead_reference():
    """Return a weak reference whose object has gone."""
    from weakref import ref

    return ref(type("Gone", (), {})())


def made_cached_property(function, variables):
    """Return a ``functools.cached_property``."""
    made = attribute("functools", "cached_property")(function)
    vars(made).update(variables)
    return made


def fill_object(made, variables):
    """Give an object its variables, whatever its class does when they are set."""
    vars(made).update(variables)


def fill_container(made, state):
    """Give a list or a dict its variables, then its items, by no method of its class but ``__setstate__``."""
    variables, items, pairs = state
    if hasattr(type(made), "__setstate__") and variables is not None:
        made.__setstate__(variables)
    elif variables is not None:
        variables, slots = variables if isinstance(variables, tuple) else (variables, None)
        vars(made).update(variables or {})
        for name, value in (slots or {}).items():
            object.__setattr__(made, name, value)
    if items is not None:
        list.extend(made, items)
    if pairs is not None:
        dict.update(made, pairs)


def made_value(kind, base, plain):
    """Return an object of ``kind``, below ``base``, a builtin type, that has the value ``plain``."""
    if base is set:
        made = set.__new__(kind)
        set.update(made, plain)
        return made
    return base.__new__(kind, plain)


def made_exception(kind, arguments):
    """Return an exception with these ``args``; no ``__init__`` of Python code runs."""
    base = next(it for it in kind.__mro__ if not it.__flags__ & 1 << 9)  # Py_TPFLAGS_HEAPTYPE: of C code
    made = base.__new__(kind, *arguments)
    base.__init__(made, *arguments)
    return made


def fill_exception(error, state):
    """Give an exception its causes and its attributes."""
    error.__cause__, error.__context__, error.__suppress_context__, variables = state
    vars(error).update(variables)


def settle():
    """Do what was postponed."""
    todo, postponed[:] = postponed[:], []
    for function, arguments in todo:
        function(*arguments)
