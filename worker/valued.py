"""How the pickler takes apart objects whose classes want other arguments than pickle would give: values, exceptions.

Pickle makes an object of a subclass of ``str`` by the subclass and the text alone, and an exception by its class and
its ``args``. If the program's class asks for more, that fails, and it would be seen only when the archive is loaded.
"""

from types import FunctionType

from worker import rebuilding

_VALUES = (str, bytes, int, float, complex, tuple)
_SETS = (set, frozenset)


def reducer_of_value(kind):
    """Return the reducer for objects of ``kind``, if it is such a class; None for others."""
    if kind.__reduce_ex__ is not object.__reduce_ex__:
        return None
    asks = isinstance(kind.__new__, FunctionType) or isinstance(kind.__init__, FunctionType)
    if issubclass(kind, BaseException):
        is_plain = kind.__reduce__ is BaseException.__reduce__ and kind.__setstate__ is BaseException.__setstate__
        return _reduce_exception if is_plain else None
    for base in _VALUES:
        if issubclass(kind, base) and asks and kind.__reduce__ is object.__reduce__:
            return _of_value(base) if kind.__getnewargs__ is base.__getnewargs__ else None
    for base in _SETS:
        if issubclass(kind, base) and asks and kind.__reduce__ is base.__reduce__:
            return _of_set(base)
    return None


def _of_value(base):
    def reduce_value(pickler, thing):
        (plain,) = base.__getnewargs__(thing)
        return rebuilding.made_value, (type(thing), base, plain), thing.__reduce_ex__(5)[2]

    return reduce_value


def _of_set(base):
    def reduce_set(pickler, thing):
        return rebuilding.made_value, (type(thing), base, [*base.__iter__(thing)]), thing.__reduce_ex__(5)[2]

    return reduce_set


def _reduce_exception(pickler, error):
    """An exception keeps its causes. Its traceback consists of frames, and is lost, as with pickle."""
    state = error.__cause__, error.__context__, error.__suppress_context__, dict(vars(error))
    arguments = type(error), BaseException.args.__get__(error)
    return rebuilding.made_exception, arguments, state, None, None, rebuilding.fill_exception
