"""A tool call's arguments: each is checked, and what is wrong is one sentence that names it."""

import contextlib
import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from interpreterd.mcp.answers import Unusable


class Arguments:
    """The arguments of one call. A value of null is the same as none.

    Models write numbers as text now and then, and so that is taken, too.
    """

    def __init__(self, tool: str, given: Mapping[str, Any] | None, known: Iterable[str]) -> None:
        """Take what the client has sent. Raises ``Unusable`` for a name that the tool does not know."""
        self._given = {name: value for name, value in (given or {}).items() if value is not None}
        names = list(known)
        for name in self._given:
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(names)}"
                raise Unusable(f"{tool} has no argument {name[:100]}; {hint}")
        self._tool = tool

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def text(self, name: str) -> str:
        """Return a text that must be there, and not be empty."""
        text = self.optional_text(name)
        if not text:
            raise Unusable(f"{self._tool} needs the argument {name}, a string that is not empty")
        return text

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, str):
            raise Unusable(f"{name} must be a string, not {_kind(value)}")
        return value

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """Return one of ``choices``."""
        text, names = self._given.get(name), list(choices)
        if text not in names:
            raise Unusable(f"{self._tool} needs the argument {name}: one of {', '.join(names)}")
        return str(text)

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        """Return a number between ``least`` and ``most``."""
        return self._number(name, default, least, most, "a number")

    def whole(self, name: str, *, default: int | None, least: int, most: int) -> int | None:
        """Return a whole number between ``least`` and ``most``, or ``default``."""
        if name not in self._given:
            return default
        value = self._number(name, 0, least, most, "a whole number")
        if not value.is_integer():
            raise Unusable(f"{name} must be a whole number, not {value:g}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Return a truth value; no by default."""
        value = self._given.get(name, False)
        if not isinstance(value, bool):
            raise Unusable(f"{name} must be a boolean, not {_kind(value)}")
        return value

    def table(self, name: str) -> Mapping[str, Any] | None:
        """Return an object, or None."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise Unusable(f"{name} must be an object, not {_kind(value)}")
        return value

    def _number(self, name: str, default: float, least: float, most: float, what: str) -> float:
        value = self._given.get(name, default)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Unusable(f"{name} must be {what}, not {_kind(value)}")
        if not least <= value <= most:
            raise Unusable(f"{name} must be from {least:g} to {most:g}, not {value:g}")
        return float(value)


def _kind(value: object) -> str:
    names = {bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
    return names.get(type(value), "a number")


def texts(table: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return an object whose values are all strings. Raises ``Unusable`` for another value of ``table[name]``."""
    value = table.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(it, str) for it in value.values()):
        raise Unusable(f"{name} must be an object whose values are strings")
    return dict(value)
