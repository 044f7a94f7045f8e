"""HostFunctions of the caller's as host functions: their declarations, and stubs of them for a prompt."""

import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from interpreterd.client.errors import InvalidArgument
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.functions import HostFunction, check_functions

HostFunctions = Mapping[str, Callable[..., Any]] | Iterable[Callable[..., Any]]
_CONSTANTS: Final = (bool, int, str, bytes, type(None), type(...))


def by_name(functions: HostFunctions | None) -> dict[str, Callable[..., Any]]:
    """Return the functions by the names that code knows them by; a list names them by their ``__name__``.

    Raises:
        TypeError: One is not callable.
        InvalidArgument: A function without a name, or with that of another one.
    """
    if functions is None:
        return {}
    if isinstance(functions, Mapping):
        found = dict(functions)
    else:
        found = {}
        for function in functions:
            name = getattr(function, "__name__", None)
            if not isinstance(name, str) or name in found:
                why = "has no __name__" if not isinstance(name, str) else f"has the name {name!r} of another one"
                raise InvalidArgument(f"functions: {function!r} {why}; give a mapping of names to functions")
            found[name] = function
    for name, function in found.items():
        if not isinstance(name, str) or not callable(function):
            raise TypeError(f"functions must map names to functions, not {name!r} to {function!r}")
    return found


def declare(functions: Mapping[str, Callable[..., Any]]) -> list[HostFunction]:
    """Return the declarations of ``functions``. Raises ``InvalidArgument`` if no execution can have them."""
    declared = [
        HostFunction(
            name=name,
            is_async=is_async(function),
            signature=signature_of(function),
            doc=_without_surrogates(inspect.getdoc(function) or "" if inspect.isroutine(function) else _doc(function)),
        )
        for name, function in functions.items()
    ]
    try:
        check_functions(declared)
    except InvalidRequest as error:
        raise InvalidArgument(str(error)) from None
    return declared


def declarations(functions: Mapping[str, Callable[..., Any]]) -> list[dict[str, object]]:
    """Return what a request says of ``functions``. Raises as ``declare``."""
    return [
        {"name": it.name, "async": it.is_async, "signature": it.signature, "doc": it.doc} for it in declare(functions)
    ]


def describe(functions: HostFunctions) -> str:
    """Return stubs of ``functions`` as Python source, for a prompt: signatures and docstrings, no code."""
    declared = declare(by_name(functions))
    stubs = [_stub(it) for it in declared if "." not in it.name]
    for group in dict.fromkeys(it.name.partition(".")[0] for it in declared if "." in it.name):
        inner = [_stub(it) for it in declared if it.name.startswith(f"{group}.")]
        stubs.append(f"class {group}:\n" + textwrap.indent("\n\n".join(f"@staticmethod\n{it}" for it in inner), "    "))
    return "\n\n".join(stubs)


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether calls of it are awaited: a coroutine function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def signature_of(function: Callable[..., Any]) -> str:
    """Return the signature as source: defaults that are not constants are ``...``; empty if there is none."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some builtins
        return ""
    parameters = [
        it if it.default is it.empty or _is_constant(it.default) else it.replace(default=_DOTS)
        for it in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=[_readable(it) for it in parameters], return_annotation=_plain(signature)))
    return _without_surrogates(text)


class _Text:
    """Shows as its text, also where ``repr`` is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_DOTS: Final = _Text("...")


def _plain(signature: inspect.Signature) -> object:
    annotation = signature.return_annotation
    return _Text(annotation) if isinstance(annotation, str) else annotation


def _readable(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose annotation shows as source: ``from __future__ import annotations`` makes texts."""
    if isinstance(parameter.annotation, str):
        return parameter.replace(annotation=_Text(parameter.annotation))
    return parameter


def _is_constant(value: object) -> bool:
    if type(value) in (tuple, list, set, dict):
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
        return len(parts) <= 20 and all(map(_is_constant, parts)) and value != set()
    return type(value) in _CONSTANTS or (type(value) is float and math.isfinite(value))


def _doc(function: Callable[..., Any]) -> str:
    """Return the docstring of an object that can be called, but not that of its class."""
    doc = getattr(function, "__doc__", None)
    return inspect.cleandoc(doc) if isinstance(doc, str) and doc != type(function).__doc__ else ""


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _stub(function: HostFunction) -> str:
    word = "async def" if function.is_async else "def"
    head = f"{word} {function.name.rpartition('.')[2]}{function.signature or '(*args, **kwargs)'}:"
    if not function.doc:
        return f"{head} ..."
    quoted = function.doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = quoted.split("\n")
    if len(lines) == 1 and not quoted.endswith('"'):
        return f'{head}\n    """{quoted}"""'
    return "\n    ".join([f'{head}\n    """{lines[0]}', *lines[1:], '"""']).replace("\n    \n", "\n\n")
