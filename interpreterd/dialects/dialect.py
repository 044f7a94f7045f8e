"""A dialect: its name, its routes, and how it shows errors."""

from collections.abc import Mapping
from typing import TypeVar

from interpreterd.model.errors import InterpreterError

_Row = TypeVar("_Row")


def row(table: Mapping[type[InterpreterError], _Row], error: InterpreterError) -> _Row:
    """Return the row for the type of ``error`` or, if there is none, for its nearest base that has one.

    ``table`` has a row for ``InterpreterError``.
    """
    return next(table[kind] for kind in type(error).__mro__ if kind in table)
