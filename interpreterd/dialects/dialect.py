"""What a dialect is: a name, its routes, and how it shows errors."""

from collections.abc import Mapping
from typing import TypeVar

from interpreterd.model.errors import InterpreterError

_Row = TypeVar("_Row")


def row(table: Mapping[type[InterpreterError], _Row], error: InterpreterError) -> _Row:
    """Return the row of the type of ``error`` or, if that has none, of its nearest base that has one.

    ``table`` has one for ``InterpreterError``.
    """
    return next(table[kind] for kind in type(error).__mro__ if kind in table)
