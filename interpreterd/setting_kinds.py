"""The definition of a setting, and the kinds of its values; each room declares its settings in its ``settings.py``.

A kind is a function from text to value. It raises ValueError with the end of a sentence: ``must be a whole number``.
The daemon imports all sections before it forks its guard: they import no large module, and have neither ``==`` nor a
``repr``, which attrs would compile at each start.
"""

import math
import os
from collections.abc import Callable
from typing import Any, Final

from attrs import field

VARIABLE_PREFIX: Final = "INTERPRETERD_"
MIB: Final = 1 << 20
LEAST_MEMORY_BYTES: Final = 16 * MIB  # used by the worker itself
LEAST_DISK_BYTES: Final = 64 << 10  # one directory takes up a block, 4 KiB
LEAST_OPEN_FILES: Final = 32  # the worker has a dozen of its own, and an import needs some for a moment
NUMBER_LIMIT: Final = (1 << 53) - 1  # the largest whole number that every reader of JSON takes exactly
SECONDS_LIMIT: Final = 10**9  # thirty years; a timer of a thousand would not fit into the clocks of all libraries


class SettingError(ValueError):
    """A setting does not fit the other settings, or names a file that cannot be used. The message has no name.

    The command line puts in front of it where the setting is from: the flag, the variable, or the line of the file.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def setting(
    default: Any,
    help: str,
    *,
    parse: Callable[[str], Any] = str,
    choices: tuple[str, ...] = (),
    former: tuple[str, ...] = (),
    repeats: bool = False,
) -> Any:
    """Return an attrs field, for a section; the command line knows it by its name.

    Args:
        default: The value without a flag and a variable.
        help: Its line in ``interpreterd serve --help``.
        parse: Makes the value from text: one of the kinds below.
        choices: The only texts that are allowed; empty if all are.
        former: Earlier names of the field. Their flags and variables are still taken, but help does not show them.
        repeats: Whether the flag may be given several times, each time with a tuple's further members.
    """
    metadata = {"help": help, "parse": parse, "choices": choices, "former": former, "repeats": repeats}
    return field(default=default, metadata=metadata)


def words(text: str) -> tuple[str, ...]:
    """Return the comma-separated words of ``text``."""
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def absolute(text: str) -> str:
    """Return an absolute path."""
    try:
        return os.path.abspath(text)
    except OSError:
        raise ValueError("must be an absolute path, because the current directory no longer exists") from None


def switch(text: str) -> bool:
    """Return whether ``text`` means yes; the empty text means no."""
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off", ""):
        raise ValueError("must be true or false")
    return text.lower() in ("1", "true", "yes", "on")


def whole(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def number(text: str) -> float:
    """Return a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def parse_bytes(text: str) -> int:
    """Return a size: ``512M`` is 512 MiB."""
    unit = {"K": 1 << 10, "M": MIB, "G": 1 << 30}.get(text[-1:].upper())
    try:
        return int(text) if unit is None else int(text[:-1]) * unit
    except ValueError:
        raise ValueError("must be a number of bytes, for example 65536, 64K, 512M or 2G") from None


def period(text: str) -> float:
    """Return seconds: ``90`` and ``90s`` are a minute and a half, as is ``1.5m``."""
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text.strip()[-1:].lower())
    try:
        value = float(text) if unit is None else float(text.strip()[:-1]) * unit
    except ValueError:
        raise ValueError(
            "must be a number of seconds, or a number with a unit, for example 30s, 10m, 2h or 1d"
        ) from None
    if not 0 <= value <= SECONDS_LIMIT:  # not a number is neither
        raise ValueError(f"must be at least 0 and at most {SECONDS_LIMIT} seconds")
    return value


def at_least(least: float, parse: Callable[[str], Any], *, most: float = NUMBER_LIMIT) -> Callable[[str], Any]:
    """Return the kind of those values of ``parse`` that are within these bounds."""

    def check(text: str) -> Any:
        value = parse(text)
        if not value >= least:
            raise ValueError(f"must be at least {least}")
        if not value <= most:
            raise ValueError(f"must be at most {most}")
        return value

    return check


count = at_least(1, whole)
byte_size = at_least(1, parse_bytes)
duration = at_least(0, number, most=SECONDS_LIMIT)
patience = at_least(0.1, number, most=SECONDS_LIMIT)
