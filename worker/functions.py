"""Host functions: functions of the client's that the code of an execution calls as its own."""

import builtins
import sys

from worker.calling import CLOSED, Calls
from worker.strict import encode_call

KEPT_SIGNATURES = 512
_Namespace = type(sys.implementation)  # SimpleNamespace
_signatures = {}  # functions that only have them, by their sources
_absent = object()


class HostFunctionError(RuntimeError):
    """A host function has raised an exception that this Python does not know, or no answer can come.

    Attributes:
        name: The name of the exception's class.
    """

    name = "HostFunctionError"


HostFunctionError.__module__ = "builtins"
HostFunctionError.__qualname__ = "HostFunctionError"


class _Annotation(str):
    """An annotation that has not been evaluated, shown as in the source."""

    __repr__ = str.__str__


class Functions:
    """The functions of one execution: in its namespace until ``withdraw``; then what was there before returns."""

    def __init__(self, message, channel, stdin, namespace):
        builtins.HostFunctionError = HostFunctionError  # for its ``except``
        self._calls = Calls(channel, message["id"])
        self._stdin, self._channel = stdin, channel
        stdin.channel = self._calls
        self._namespace = namespace
        self._given = {}
        for declared in message["functions"]:
            group, _, name = declared["name"].rpartition(".")
            function = _make(self._calls, declared)
            if group:
                setattr(self._given.setdefault(group, _Namespace()), name, function)
            else:
                self._given[name] = function
        self._before = {name: namespace.get(name, _absent) for name in self._given}
        namespace.update(self._given)

    def withdraw(self):
        """End all calls, and put back what the functions have hidden; what the code has put there itself stays."""
        self._calls.close(CLOSED)
        self._stdin.channel = self._channel
        for name, before in self._before.items():
            if self._namespace.get(name, _absent) is not self._given[name]:
                continue
            if before is _absent:
                del self._namespace[name]
            else:
                self._namespace[name] = before


def _make(calls, declared):
    """Return a function that calls the host function ``declared``."""
    name = declared["name"]
    if declared["async"]:

        async def function(*args, **kwargs):
            return _outcome(name, await calls.call_async(name, _encoded(name, args, kwargs)))

    else:

        def function(*args, **kwargs):
            return _outcome(name, calls.call(name, _encoded(name, args, kwargs)))

    function.__name__, function.__qualname__ = name.rpartition(".")[2], name
    function.__module__, function.__doc__ = "__main__", declared["doc"] or None
    signature = _signature(function.__name__, declared["signature"])
    if signature is not None:
        function.__wrapped__ = signature  # inspect.signature() and help() look there
    return function


def _encoded(name, args, kwargs):
    wrong = None
    try:
        return encode_call(args, kwargs)
    except TypeError as error:
        wrong = str(error)
    raise TypeError(f"{name}() cannot take {wrong}")


def _outcome(name, message):
    """Return the value of a call, or raise its exception."""
    kind = message["type"]
    if kind == "returned":
        return message["value"]
    if kind == "raised":
        raise _exception(message["name"], message["value"])
    raise RuntimeError(f"{name}() belonged to an execution that has ended before the answer came")


def _exception(name, value):
    """Return the exception that a host function has raised: a builtin one, or a ``HostFunctionError``."""
    kind = builtins.__dict__.get(name)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not HostFunctionError:
        try:
            return kind(value)
        except TypeError:  # it needs more than a message
            pass
        try:
            return _with_text(kind, value)
        except TypeError:
            pass
    error = HostFunctionError(value if name == HostFunctionError.name else f"{name}: {value}" if value else name)
    error.name = name
    return error


def _with_text(kind, value):
    """Return an exception of a class whose own ``__init__`` wants more than a message, like UnicodeDecodeError."""
    shown = type(kind.__name__, (kind,), {"__module__": "builtins", "__str__": lambda self: value})
    return shown.__new__(shown)


def _signature(name, text):
    """Return a function that has the signature ``text``; None if that is not one, or has a default that runs code."""
    source = f"def {name}{text}: ..."
    if source not in _signatures:
        if len(_signatures) >= KEPT_SIGNATURES:
            _signatures.clear()
        try:
            _signatures[source] = _compile_signature(source) if text.startswith("(") else None
        except Exception:  # no syntax, or too deep for the compiler
            _signatures[source] = None
    return _signatures[source]


def _compile_signature(source):
    import __future__

    flags = __future__.annotations.compiler_flag  # annotations stay text
    tree = compile(source, "<host function>", "exec", 0x400 | flags, True)  # PyCF_ONLY_AST
    (function,) = tree.body
    (body,) = function.body
    defaults = [*function.args.defaults, *filter(None, function.args.kw_defaults)]
    if body.value.value is not ... or not all(map(_is_constant, defaults)):
        return None
    made = {}
    exec(compile(tree, "<host function>", "exec", flags, True), {}, made)
    signature = made.popitem()[1]
    signature.__annotations__ = {key: _Annotation(text) for key, text in signature.__annotations__.items()}
    return signature


def _is_constant(node):
    kind = type(node).__name__
    if kind == "UnaryOp":
        return type(node.operand).__name__ == "Constant"
    if kind in ("Tuple", "List", "Set"):
        return all(map(_is_constant, node.elts))
    if kind == "Dict":
        return all(node.keys) and all(map(_is_constant, [*node.keys, *node.values]))
    return kind == "Constant"
